// A promise that is settled from outside.

export interface Deferred<Value> extends Promise<Value> {
  resolve(value: Value | PromiseLike<Value>): void
  reject(error: unknown): void
}

export function deferred<Value>(): Deferred<Value> {
  let settle!: Pick<Deferred<Value>, 'resolve' | 'reject'>
  const promise = new Promise<Value>((resolve, reject) => (settle = { resolve, reject }))
  return Object.assign(promise, settle)
}
