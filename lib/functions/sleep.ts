// Waits as many milliseconds as it is told: a computation that needs no core, for tests and benchmarks.
import { setTimeout } from 'node:timers/promises'
import { InvalidArgumentError } from '../errors.js'
import type { Context } from '../slots/function.js'

/**
 * Resolves with the argument after that many milliseconds.
 * @throws {InvalidArgumentError} unless the argument is a number of at least 0
 */
export default function (argument: unknown, { signal }: Context): Promise<number> | number {
  if (typeof argument !== 'number' || !(argument >= 0))
    throw new InvalidArgumentError('expected a number of milliseconds')
  return argument === 0 ? 0 : setTimeout(argument, argument, { signal })
}
