// Where a call was waited for. Its error is made when a message comes or a timer ends, long after the caller's code has run: what the
// stack shows of that time is of no use to anybody.
import { RequestError } from './errors.js'

const ASYNC_FRAME = /^ {4}at async .*$/gm

/** Passes on what becomes of a call. The stack of an error names whoever awaits this, where Node knows that. */
export async function withCaller<Value>(call: Promise<Value>): Promise<Value> {
  try {
    return await call
  } catch (error) {
    if (error instanceof RequestError) {
      const here: { stack?: unknown } = {}
      Error.captureStackTrace(here)
      const frames = String(here.stack).match(ASYNC_FRAME)
      if (frames) error.stack = [`${error.name}: ${error.message}`, ...frames].join('\n')
    }
    throw error
  }
}
