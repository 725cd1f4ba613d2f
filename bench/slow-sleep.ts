// The function of an executor that is slower than the others.
import type { Context } from '../lib/function.js'
import sleep from '../lib/functions/sleep.js'

export const SLOWNESS = 5

export default (argument: unknown, context: Context) => sleep(Number(argument) * SLOWNESS, context)
