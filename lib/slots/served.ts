// What a module serves, as the process of a slot describes it once it has loaded it.

export interface ServedFunction {
  /** '' is the default export. */
  name: string
  /** In milliseconds. */
  timeLimit?: number
  /** How many requests of it may be computed at the same time, in one executor. */
  concurrency?: number
  /** How often a request of it may be tried when executors die of it. */
  maxAttempts?: number
  /** The JSON Schema of its argument, where its library can say it. */
  schema?: unknown
}

export interface Served {
  functions: ServedFunction[]
  /** What is odd about the module. */
  warnings?: string[]
}
