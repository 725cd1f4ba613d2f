// Has each line of the standard input computed, and prints the results in the same order, one a line.
//
// It reads no further than `map` does, which goes no further than results are taken: so an input without an end takes no more memory
// than what is under way. A line that is no argument is told of when all before it are printed.
import type { Readable } from 'node:stream'
import type { ExecutorClient } from '../lib/client/client.js'
import type { MapOptions } from '../lib/client-options.js'
import { deferred } from '../lib/deferred.js'
import { InvalidArgumentError, NoExecutorsError, RequestError } from '../lib/errors.js'
import { jsonOf, shown, shownError, written } from './answers.js'
import { MOST_BYTES } from './arguments.js'
import { readJsonLines } from './json-lines.js'
import { exitCode } from './explain.js'
import { reason } from './reason.js'

export interface Lines {
  client: ExecutorClient
  options: MapOptions
  input: Readable
  isJson: boolean
  /** Resolves when there is room for more. */
  print(line: string): Promise<void>
  /** Likewise; `where` stands before it, `text` is the argument as JSON, where there is one. */
  warn(where: string, error: Error, text?: string): Promise<void>
}

/** Resolves with exit codes of what failed, which has been told. */
export async function callLines({ client, options, input, isJson, print, warn }: Lines): Promise<number[]> {
  /** The lines of what is under way. */
  const lines: number[] = []
  let idle = deferred<void>()
  const codes = new Set<number>()

  async function failed(line: number, error: RequestError, argument?: unknown) {
    codes.add(exitCode(error))
    const text = argument === undefined ? undefined : written(argument)
    if (!isJson) return warn(`line ${line}: `, error, text)
    const { requestId, executorId } = error
    const shownArgument = text === undefined ? null : argument
    await print(jsonOf({ line, argument: shownArgument, error: shownError(error), requestId, executorId }))
  }

  async function ended(error: Error) {
    codes.add(exitCode(error))
    if (error instanceof RequestError) await warn('', error, '')
    else await warn('', new Error(`cannot read the standard input: ${reason(error)}`))
  }

  async function* source() {
    for await (const { line, problem, value } of readJsonLines(input, MOST_BYTES)) {
      if (problem === undefined) {
        lines.push(line)
        yield value
      } else {
        if (lines.length > 0) await (idle = deferred())
        await failed(line, new InvalidArgumentError(problem))
      }
    }
  }

  try {
    for await (const { argument, result, error } of client.map<unknown>(source(), options)) {
      const line = lines[0]!
      if (error) await failed(line, error, argument)
      else await print(jsonOf(isJson ? { line, argument, result: shown(result) } : shown(result)))
      // Nobody would compute the others either.
      if (error instanceof NoExecutorsError) break
      lines.shift()
      if (lines.length === 0) idle.resolve()
    }
  } catch (error) {
    if (!options.signal?.aborted) await ended(error as Error)
  }
  // It may have no end.
  input.destroy()
  return [...codes]
}
