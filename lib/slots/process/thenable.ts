export const isThenable = (value: any): value is PromiseLike<unknown> => typeof value?.then === 'function'
