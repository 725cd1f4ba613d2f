import type { Output } from '../slots/task.js'

/** What an executor tells its listeners. */
export interface ExecutorEvents {
  /** It is a member of the queue group and its slots have loaded the function. */
  ready: []
  /** A computation starts. `functionName` is '' for the default export; `argument` is JSON, or `<n bytes>`. */
  started: [{ requestId: string; functionName: string; argument: string }]
  /** A request was answered with its result, JSON or `<n bytes>`; `computeMs` is the time in its slot. */
  completed: [{ requestId: string; functionName: string; result: string; computeMs: number }]
  /**
   * A request, or an argument of a batch, was answered with an error: its code, text and, if the function threw it, stack and, a line
   * for each, causes.
   */
  failed: [
    {
      requestId: string
      functionName: string
      code: number
      error: string
      computeMs: number
      stack?: string | undefined
      causes?: string[] | undefined
    },
  ]
  /** What the function printed: a line of one of its standard streams, and whose it is as far as that is known. */
  output: [Output]
  /**
   * A slot has loaded this file, by its path: the module, or what that imports, but for packages. Only if somebody listens when the
   * executor starts; each slot tells it.
   */
  imported: [string]
  /**
   * It was told to stop, and waits for that many requests, and for so many answers to be taken, as from a server that is away, for
   * `drainTimeout` milliseconds at most.
   */
  stopping: [{ computing: number; waiting: number; delivering: number; drainTimeout: number }]
  /** Something worth a line in a log: a message that is no request, a connection lost or back. */
  warning: [string]
}
