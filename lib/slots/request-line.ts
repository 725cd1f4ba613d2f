// What the process of a slot is told of a request beside its argument, in one line of ASCII: its id; then, unless that is the default
// export, the function's name; then, if there is any of it, the rest as JSON. Most requests are an id alone.
import type { UserHeaders } from '../protocol/raw-headers.js'
import type { Task } from './task.js'

export interface RequestLine {
  id: string
  functionName: string
  isBytes?: boolean
  attempt?: number
  wantsProgress?: boolean
  headers?: UserHeaders
}

export function writeLine({ id, functionName, isBytes, attempt, wantsProgress, headers }: Task): string {
  const isSimple = !isBytes && attempt === 1 && !wantsProgress && headers === undefined
  if (isSimple) return functionName === '' ? id : `${id} ${functionName}`
  const rest = JSON.stringify({ isBytes, attempt, wantsProgress, headers })
  return `${id} ${functionName} ${rest.replace(/[^\0-\x7f]/g, escaped)}`
}

export function readLine(line: string): RequestLine {
  const idEnd = line.indexOf(' ')
  if (idEnd < 0) return { id: line, functionName: '' }
  const nameEnd = line.indexOf(' ', idEnd + 1)
  const id = line.slice(0, idEnd)
  if (nameEnd < 0) return { id, functionName: line.slice(idEnd + 1) }
  return { ...JSON.parse(line.slice(nameEnd)), id, functionName: line.slice(idEnd + 1, nameEnd) }
}

const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
