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
type Class = abstract new (...args: any[]) => unknown
/** A schema may be a function. */
type Served<Export> = Export extends Fn ? (Export extends { '~standard': unknown } ? never : Export) : never

declare const unsayable: unique symbol
/** What is in place of a value that the wire cannot say, such as a `Map`: the call rejects. */
export interface Unsayable<Value> {
  readonly [unsayable]: Value
}

type Text = string | number | boolean | null | undefined
/** An `Error` is one, too, but its type is that of any object with a name and a message. */
type NotInJson =
  | bigint
  | symbol
  | Fn
  | ArrayBuffer
  | ArrayBufferView
  | ReadonlyMap<any, any>
  | ReadonlySet<any>
  | WeakMap<any, any>
  | WeakSet<any>
  | PromiseLike<any>
  | RegExp

type IsAny<Value> = 0 extends 1 & Value ? true : false

/** A result as the other side of the wire gets it: `null` for nothing, a text for a `Date`, an object of the fields of an instance. */
export type OnTheWire<Value> =
  IsAny<Value> extends true ? Value : Value extends void ? null : Value extends Uint8Array ? Uint8Array : InJson<Value>

type InJson<Value> =
  IsAny<Value> extends true
    ? Value
    : Value extends Text
      ? Value
      : Value extends NotInJson
        ? Unsayable<Value>
        : Value extends { toJSON(): infer Json }
          ? Parts<Json>
          : Parts<Value>

type Parts<Value> = Value extends readonly unknown[]
  ? Value[number][] extends Value
    ? // Unlike one that is mapped, it may be of a type that has lists of itself.
      InJson<Value[number]>[]
    : { [Index in keyof Value]: InJson<Value[Index]> }
  : Value extends Text
    ? Value
    : Value extends object
      ? { [Key in keyof Value as Key extends symbol ? never : Value[Key] extends Fn ? never : Key]: InJson<Value[Key]> }
      : Value

type ResultOf<Function extends Fn> = OnTheWire<Awaited<ReturnType<Function>>>

/** That of a function in plain JavaScript may be unknown to `Parameters`, as where it is taken apart. */
type First<Function extends Fn> = [Parameters<Function>] extends [never]
  ? Function extends (argument: infer Argument, ...rest: any[]) => unknown
    ? Argument
    : never
  : Parameters<Function>[0]

/** That of its schema, if this says what it takes; a schema may fill in defaults. */
type ArgumentOf<Function extends Fn> = Function extends {
  input: { readonly '~standard': { readonly types?: { readonly input: infer Input } | undefined } }
}
  ? unknown extends Input
    ? First<Function>
    : Input
  : First<Function>

/** The options of a call to one function, which is named already. */
export type FunctionCallOptions = Omit<CallOptions, 'function'>
export type FunctionMapOptions = Omit<MapOptions, 'function'>

type CallArguments<Argument> = undefined extends Argument
  ? [argument?: Argument, options?: FunctionCallOptions]
  : [argument: Argument, options?: FunctionCallOptions]

/** A function of a service. A call has the argument computed and resolves with the result, or rejects as `call` does. */
export interface RemoteFunction<Function extends Fn = Fn> {
  // Without a comment of ours an editor shows that of the function's author.
  (...args: CallArguments<ArgumentOf<Function>>): Promise<ResultOf<Function>>
  /** The same, and resolves with the request's id and who computed it beside the result. */
  request(this: void, ...args: CallArguments<ArgumentOf<Function>>): Promise<Reply<ResultOf<Function>>>
  /** Has many arguments computed, and gives what came of each: its result or its error. */
  map<Argument extends ArgumentOf<Function>>(
    this: void,
    source: readonly Argument[] | Iterable<Argument> | AsyncIterable<Argument>,
    options?: FunctionMapOptions,
  ): MapRun<Argument, ResultOf<Function>>
}

/** What JavaScript asks any object for: no functions, so that nobody calls them who awaits or prints all of them by mistake. */
type Hidden = 'then' | 'toJSON'
const HIDDEN: readonly PropertyKey[] = ['then', 'toJSON'] satisfies Hidden[]

/** A default export that is an object, as CommonJS has it, is a list of functions. */
type ExportsOf<Module> = Module extends { default: infer Main extends object }
  ? Main extends Fn | Class
    ? Module
    : Main & Omit<Module, 'default'>
  : Module

type RemoteFunctionsOf<Exports> = {
  readonly [
    Name in keyof Exports as [Served<Exports[Name]>] extends [never] ? never : Exclude<Name, Hidden>
  ]: RemoteFunction<Served<Exports[Name]>>
}

/** The functions that a module exports, `default` among them. */
export type RemoteFunctions<Module> = RemoteFunctionsOf<ExportsOf<Module>>

/** The functions of whatever the caller calls, each made when it is first asked for. */
export function functionsOf<Module>(caller: Caller): RemoteFunctions<Module> {
  const made = new Map<string, RemoteFunction>()
  return new Proxy(Object.freeze({}), {
    get(_, name) {
      if (name === Symbol.toPrimitive) return () => '[functions of a service]'
      if (typeof name === 'symbol' || HIDDEN.includes(name)) return undefined
      let remote = made.get(name)
      if (!remote) made.set(name, (remote = remoteFunction(caller, name)))
      return remote
    },
  }) as RemoteFunctions<Module>
}

function remoteFunction(caller: Caller, name: string): RemoteFunction {
  return Object.assign((argument?: unknown, options?: unknown) => caller.call(argument, named(options, name)), {
    request: (argument?: unknown, options?: unknown) => caller.request(argument, named(options, name)),
    map: (source: Iterable<unknown> | AsyncIterable<unknown>, options?: unknown) =>
      caller.map(source, named(options, name)),
  }) as RemoteFunction
}

/** Options with the function's name. What is no object, such as a second argument, goes on as it is, to be refused. */
const named = (options: unknown = {}, name: string): object | undefined =>
  typeof options === 'object' && options !== null ? { ...options, function: name } : (options as undefined)
