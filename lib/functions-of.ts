// The functions of a module as a caller has them: `images.resize(argument, options)`, with the types of the module.
import type { CallOptions, MapOptions } from './client-options.js'
import type { MapRun } from './client/map.js'
import type { Reply } from './client/reply.js'

/** What computes: a client, or slots of one's own. */
export interface Caller {
  call<Result = unknown>(argument?: unknown, options?: CallOptions): Promise<Result>
  request<Result = unknown>(argument?: unknown, options?: CallOptions): Promise<Reply<Result>>
  map<Argument, Result = unknown>(
    source: Iterable<Argument> | AsyncIterable<Argument>,
    options?: MapOptions,
  ): MapRun<Argument, Result>
}

type Fn = (...args: any[]) => unknown

/** A value as the other side of the wire gets it: a `Date` is text there, for example. */
export type OnTheWire<Value> = Value extends Uint8Array
  ? Uint8Array
  : Value extends { toJSON(): infer Json }
    ? Json
    : Value extends Fn
      ? never
      : Value extends readonly unknown[]
        ? { [Index in keyof Value]: OnTheWire<Value[Index]> }
        : Value extends object
          ? { [Key in keyof Value]: OnTheWire<Value[Key]> }
          : Value

type ResultOf<Function extends Fn> =
  Awaited<ReturnType<Function>> extends infer Result ? ([Result] extends [void] ? null : OnTheWire<Result>) : never

type ArgumentOf<Function extends Fn> = Parameters<Function>[0]

/** The options of a call to one function, which is named already. */
export type FunctionCallOptions = Omit<CallOptions, 'function'>
export type FunctionMapOptions = Omit<MapOptions, 'function'>

type CallArguments<Function extends Fn> =
  Parameters<Function> extends [unknown, ...unknown[]]
    ? [argument: ArgumentOf<Function>, options?: FunctionCallOptions]
    : [argument?: ArgumentOf<Function>, options?: FunctionCallOptions]

/** A function of a service. */
export interface RemoteFunction<Function extends Fn = Fn> {
  /** Has the argument computed and resolves with the result. @throws {RequestError} as `call` does */
  (...args: CallArguments<Function>): Promise<ResultOf<Function>>
  /** The same, and resolves with the request's id and who computed it beside the result. */
  request(...args: CallArguments<Function>): Promise<Reply<ResultOf<Function>>>
  /** Has many arguments computed, and gives what came of each: its result or its error. */
  map<Argument extends ArgumentOf<Function>>(
    source: Iterable<Argument> | AsyncIterable<Argument>,
    options?: FunctionMapOptions,
  ): MapRun<Argument, ResultOf<Function>>
}

/** The functions that a module exports, `default` among them. */
export type RemoteFunctions<Module> = {
  readonly [Name in keyof Module as Module[Name] extends Fn ? Name : never]: Module[Name] extends Fn
    ? RemoteFunction<Module[Name]>
    : never
}

/** The functions of whatever the caller calls, each made when it is first asked for. */
export function functionsOf<Module>(caller: Caller): RemoteFunctions<Module> {
  const made = new Map<string, RemoteFunction>()
  return new Proxy(Object.freeze({}), {
    get(_, name) {
      // Who awaits it by mistake is not to call a function of that name.
      if (typeof name === 'symbol' || name === 'then') return undefined
      let remote = made.get(name)
      if (!remote) made.set(name, (remote = remoteFunction(caller, name)))
      return remote
    },
  }) as RemoteFunctions<Module>
}

function remoteFunction(caller: Caller, name: string): RemoteFunction {
  const named = <Options extends object>(options?: Options) => ({ ...options, function: name })
  return Object.assign((argument?: unknown, options?: object) => caller.call(argument, named(options)), {
    request: (argument?: unknown, options?: object) => caller.request(argument, named(options)),
    map: (source: Iterable<unknown> | AsyncIterable<unknown>, options?: object) => caller.map(source, named(options)),
  }) as RemoteFunction
}
