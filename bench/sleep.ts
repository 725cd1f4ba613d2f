// The function of the executors: it keeps its process, as one that computes does, but needs no core.
const nobodyWrites = new Int32Array(new SharedArrayBuffer(4))

export default function (milliseconds: number): number {
  Atomics.wait(nobodyWrites, 0, 0, milliseconds)
  return milliseconds
}
