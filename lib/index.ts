export type { Reply } from './call.js'
export { ExecutorClient } from './client.js'
export {
  CancelledError,
  ConnectionError,
  DeadlineError,
  type ErrorDetails,
  FailedError,
  LostError,
  NobodyThereError,
  OverloadedError,
  ProtocolError,
  RefusedError,
  RequestError,
  TimeoutError,
  TooLargeError,
  UnavailableError,
} from './errors.js'
export { Executor, type ExecutorEvents } from './executor.js'
export type { ComputeFunction, Context } from './function.js'
export type { MapCounts, MapOutcome, MapRun } from './map.js'
export type { CallOptions, ClientOptions, ConnectionChoice, ExecutorOptions, MapOptions } from './options.js'
