export type { Reply } from './client/reply.js'
export { ExecutorClient } from './client/client.js'
export {
  CancelledError,
  ConnectionError,
  DeadlineExceededError,
  type ErrorDetails,
  ExecutionError,
  ExecutorDiedError,
  RequestLostError,
  NoExecutorsError,
  OverloadedError,
  ProtocolError,
  InvalidArgumentError,
  RequestError,
  TimeoutError,
  TooLargeError,
  UnavailableError,
  UnknownFunctionError,
} from './errors.js'
export type { ExecutorEvents } from './executor/events.js'
export { Executor } from './executor/executor.js'
export type {
  FunctionCallOptions,
  FunctionMapOptions,
  OnTheWire,
  RemoteFunction,
  RemoteFunctions,
} from './functions-of.js'
export { Observer, type ObserverOptions } from './observer/observer.js'
export type { ExecutorStatus, FunctionStatus } from './observer/executor-status.js'
export type { ComputeFunction, Context, FunctionSettings, StandardSchema } from './slots/function.js'
export { onStop } from './slots/stop-hooks.js'
export { runLocally } from './local/run-locally.js'
export type { LocalOptions } from './local/local-options.js'
export type { LocalRunner } from './local/local-runner.js'
export type { MapOutcome } from './client/map-batch.js'
export type { MapCounts, MapRun } from './client/map.js'
export type { CallOptions, ClientOptions, MapOptions } from './client-options.js'
export type { ConnectionChoice } from './connection-choice.js'
export type { ExecutorOptions } from './executor-options.js'
