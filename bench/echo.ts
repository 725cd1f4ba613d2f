// The function of the rows with bytes: they go there and back.
export default (bytes: Uint8Array) => bytes
