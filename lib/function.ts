// For the modules of functions: what they may need, without what talks to NATS.
export { InvalidArgumentError } from './errors.js'
export type { ComputeFunction, Context, FunctionSettings, StandardSchema } from './slots/function.js'
export { onStop } from './slots/stop-hooks.js'
