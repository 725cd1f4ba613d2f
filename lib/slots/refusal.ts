// What is not computed here, whatever room there is.
import { Code } from '../protocol/codes.js'
import { functionSubject } from '../protocol/subjects.js'
import type { FunctionTable } from './function-table.js'
import type { Task } from './task.js'

/** Why a request is refused; undefined if it is not. */
export function refusalOf(
  { functionName, attempt }: Pick<Task, 'functionName' | 'attempt'>,
  service: string,
  functions: FunctionTable,
) {
  const served = functions.get(functionName)
  const called = functionSubject(service, functionName)
  if (!served) {
    const what = functionName === '' ? `${service} has no default export` : `there is no ${called}`
    const names = [...functions.all].map(({ name }) => functionSubject(service, name))
    return { code: Code.notFound, text: `${what}: there is ${names.join(', ')}` }
  }
  const { maxAttempts = Infinity } = served
  if (attempt <= maxAttempts) return undefined
  const text = `lost with its executor: maxAttempts of ${called} is ${maxAttempts}`
  return { code: Code.failed, text }
}
