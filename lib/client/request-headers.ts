// The headers of a request, as its client writes them.
import { encodeHeaders } from '../nats/headers.js'
import type { FilledCallOptions } from '../client-options.js'
import { Header, Notices } from '../protocol/headers.js'
import { BYTES_TYPE } from '../protocol/payload.js'
import { line } from '../protocol/raw-headers.js'
import { LONGEST_MS } from '../protocol/request.js'

/**
 * What all requests of a client have: its key, and that it understands notices and watches. One that was lost wants a notice
 * before anything else happens, so that it is known whether an executor dies of it.
 */
export const clientHeaders = (key: string) => ({
  first: line(Header.key, key) + line(Header.notices, Notices.later),
  again: line(Header.key, key) + line(Header.notices, Notices.first),
})

export interface Sending {
  batchSize: number
  isBytes: boolean
  /** How often it was lost. */
  losses: number
  /** Where the subject does not say it. */
  functionName: string
}

/** `common`: the client's; `remainingMs`: how long the call still waits, if it is not patient. */
export function requestHeaders(
  common: string,
  id: string,
  remainingMs: number,
  { batchSize, isBytes, losses, functionName }: Sending,
  { priority, isDetached, isPatient, headerLines, onProgress }: FilledCallOptions,
) {
  const timeoutMs = isPatient ? LONGEST_MS : Math.ceil(remainingMs * 10) / 10
  let lines = common + line(Header.requestId, id) + line(Header.timeoutMs, timeoutMs)
  if (functionName) lines += line(Header.function, functionName)
  if (isBytes) lines += line(Header.contentType, BYTES_TYPE)
  if (losses > 0) lines += line(Header.attempt, losses + 1)
  if (onProgress) lines += line(Header.progress, 1)
  if (batchSize > 0) lines += line(Header.batchSize, batchSize)
  if (priority !== 0) lines += line(Header.priority, priority)
  if (isDetached) lines += line(Header.detached, 1)
  return encodeHeaders(lines + headerLines)
}
