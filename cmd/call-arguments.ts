// Has the arguments of the command line computed, all at once, and prints each answer when it is there.
import type { ExecutorClient } from '../lib/client/client.js'
import type { CallOptions } from '../lib/client-options.js'
import { CancelledError, type RequestError } from '../lib/errors.js'
import { jsonOf, printBytes, shown, shownError, written } from './answers.js'
import type { Argument } from './arguments.js'
import { exitCode } from './explain.js'
import { printable } from './printable.js'
import type { ProgressBar } from './progress-bar.js'

export interface Arguments {
  client: ExecutorClient
  options: CallOptions
  args: readonly Argument[]
  /** The function's subject, as it is shown. */
  called: string
  isJson: boolean
  bar: ProgressBar
  /** Tells why there is no answer, in a line; `text` is the argument. */
  warn(error: RequestError, text: string): void
}

/** Resolves with an exit code for each. */
export function callArguments({ client, options, args, called, isJson, bar, warn }: Arguments): Promise<number[]> {
  const print = (line: object) => process.stdout.write(`${jsonOf(line)}\n`)

  async function call({ text, value }: Argument, index: number): Promise<number> {
    process.stderr.write(` [x] Requesting ${called}(${printable(text)})\n`)
    const from = performance.now()
    const milliseconds = () => Math.round((performance.now() - from) * 1000) / 1000
    try {
      const { result, requestId, executorId } = await client.request(value, {
        ...options,
        ...(process.stderr.isTTY && { onProgress: progress => bar.set(index, progress) }),
      })
      bar.done(index)
      bar.clear()
      if (isJson)
        print({ argument: shown(value), result: shown(result), requestId, executorId, milliseconds: milliseconds() })
      else if (result instanceof Uint8Array) printBytes(result)
      else process.stdout.write(`${args.length > 1 ? `${onOneLine(text)} ` : ''}${jsonOf(result)}\n`)
      return 0
    } catch (thrown) {
      bar.clear()
      const error = thrown as RequestError
      const { requestId, executorId } = error
      if (isJson)
        print({
          argument: written([value]) === undefined ? null : shown(value),
          error: shownError(error),
          requestId,
          executorId,
          milliseconds: milliseconds(),
        })
      else if (!(error instanceof CancelledError)) warn(error, text)
      return exitCode(error)
    }
  }

  return Promise.all(args.map(call))
}

/** Between the parts of JSON a line's end is worth a space. */
const onOneLine = (text: string) => text.replace(/[\r\n]+/g, ' ')
