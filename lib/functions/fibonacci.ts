// The function that ships. It is slow on purpose: it is the load.
import { InvalidArgumentError } from '../errors.js'

/** fib(79) is larger than `Number.MAX_SAFE_INTEGER`, so 78 is the last exact one. */
const MAX = 78

const fibonacci = (n: number): number => (n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2))

/**
 * The N-th Fibonacci number by naive recursion.
 * @throws {InvalidArgumentError} unless N is an integer from 0 to 78
 */
export default function (argument: unknown): number {
  if (!Number.isInteger(argument) || (argument as number) < 0 || (argument as number) > MAX)
    throw new InvalidArgumentError(`expected an integer from 0 to ${MAX}, got ${shortened(argument)}`)
  return fibonacci(argument as number)
}

function shortened(argument: unknown) {
  const text = JSON.stringify(argument) ?? 'nothing'
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}
