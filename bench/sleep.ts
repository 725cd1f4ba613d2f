// The functions of the executors: they keep their process, as one that computes does, but need no core.
const nobodyWrites = new Int32Array(new SharedArrayBuffer(4))

export default function sleep(milliseconds: number): number {
  Atomics.wait(nobodyWrites, 0, 0, milliseconds)
  return milliseconds
}

export { sleep as short, sleep as long }
