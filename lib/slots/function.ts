// What a function looks like to the person who writes one.

/** What a function is told beside its argument. Each of it may be taken out: `(argument, { progress, signal }) => …`. */
export interface Context {
  /** The request's id, the same for all of its attempts: the client's, or one made here for a request that came without. */
  readonly requestId: string
  /** Aborted when nobody waits for the result any more; a function that does not listen is ended with its process. */
  readonly signal: AbortSignal
  /** When the client stops waiting. */
  readonly deadline: Date
  /** 1 for the first attempt; more when the request was lost, as with an executor that died, and sent again. */
  readonly attempt: number
  /** The headers that the client has sent, by their names. */
  readonly headers: Readonly<Record<string, string>>
  /**
   * Tells the client, if it asked for that, how far the computation is: a number from 0 to 1, or `{ done, total, text }`, or anything
   * that JSON can say in 16 KiB. Ten times a second it is sent at most, and then the latest.
   */
  progress(this: void, value: unknown): void
  /** Writes a line to the executor's log, as `console.log` does, with the request's id. */
  log(this: void, ...values: unknown[]): void
}

/** A validator of arguments by the Standard Schema specification: zod, valibot, arktype and others make them. */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}

export type StandardResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly StandardIssue[] }

export interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** What may be set on a function, as in `resize.timeLimit = 10_000`. */
export interface FunctionSettings {
  /** Checks, and may change, each argument; one that it does not accept is answered with code 400. */
  input?: StandardSchema<any>
  /** The longest that one computation may take, in milliseconds; not more than the executor's. */
  timeLimit?: number
  /** How many of its requests may be computed at the same time in one executor. @default all its slots */
  concurrency?: number
  /** How often one request may be tried, when it is lost with its executor: 1 is at most once. @default until its timeout */
  maxAttempts?: number
}

/**
 * A function that a module exports. Argument and result are what JSON can say, or a `Uint8Array`. Throw an `InvalidArgumentError` (or any
 * error whose `code` is 400) for an argument that is not one; any other error is a failure (500).
 */
export interface ComputeFunction<Argument = any, Result = unknown> extends FunctionSettings {
  (argument: Argument, context: Context): Result | Promise<Result>
}
