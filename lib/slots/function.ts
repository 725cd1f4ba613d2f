// What a function looks like to the person who writes one.

/** What a function is told beside its argument. */
export interface Context {
  /** The request's id: the client's, or one made here for a request that came without. */
  readonly requestId: string
  /** Aborted when nobody waits for the result any more; a function that does not listen is ended with its process. */
  readonly signal: AbortSignal
}

/**
 * The default export of a function's module. Argument and result travel as JSON. Throw a `InvalidArgumentError` (or any error
 * whose `code` is 400) for an argument that is not one; any other error is a failure (500).
 */
export type ComputeFunction<Argument = any, Result = unknown> = (
  argument: Argument,
  context: Context,
) => Result | Promise<Result>
