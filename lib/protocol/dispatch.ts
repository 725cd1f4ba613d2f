// What executors write to each other about requests that wait: reports, beacons and orders. Bodies are JSON.
import { isFunctionName, isId } from './subjects.js'

/** The kinds of messages between executors, in the header `Dispatch`. */
export const Dispatch = {
  /** To the matchmaker: what has changed here. */
  report: 'report',
  /** From the matchmaker to all: it is there, or resigns. */
  beacon: 'beacon',
  /** From the matchmaker to the holder of requests: give them to others. */
  order: 'order',
  /** A request that is the receiver's from here on. */
  transfer: 'transfer',
  /** The answers to a transfer. */
  taken: 'taken',
  refused: 'refused',
  /** The request is nothing for its receiver, which takes others. */
  unfit: 'unfit',
  /** A request, to be put into circulation again if its holder is gone. */
  copy: 'copy',
  /** From the keeper of copies to their holder: which of them are still there? */
  copies: 'copies',
} as const

/** One request that waits: its key, for how many milliseconds it has waited, its priority, and its function, if that has a limit. */
export type Ticket = [key: string, ageMs: number, priority: number, functionName?: string]

/** A function with a limit: how many of its requests are computed at once, at most, and how many more than now would start. */
export type Limit = [functionName: string, most: number, free: number]

/** No report has more tickets of a function with a limit, nor of all others together: the first ones. */
export const MAX_TICKETS = 64

export interface Report {
  /** The executor's id. */
  id: string
  /** Counts the reports of an executor. */
  n: number
  /** All is in it, not only what has changed. */
  full?: true
  /** How many requests it computes at the same time; 0 while it takes none. */
  slots: number
  /** How many would start at once. */
  free: number
  /** All functions that have one. */
  limits?: readonly Limit[]
  /** The oldest that wait; those not told of yet, unless it is full. */
  tickets?: Ticket[]
  /** What has left otherwise than by an order: it has started, or is over. */
  gone?: string[]
  /** What has come by transfer. */
  took?: string[]
  /** Executors that have not acknowledged a transfer. */
  deaf?: string[]
  /** How long a computation takes here in the mean, in milliseconds. */
  meanMs?: number
  /** How long a message to the server and its answer take, in milliseconds. */
  rttMs?: number
}

export interface Beacon {
  id: string
  resigns?: true
}

/** Which ticket's request goes to which executor. */
export interface Order {
  give: [key: string, executorId: string][]
}

/** Reads a report; undefined if the text is none. */
export function parseReport(text: string): Report | undefined {
  const report = parseObject(text) as Partial<Report> | undefined
  const isRight =
    report &&
    isId(report.id) &&
    [report.n, report.slots, report.free].every(isCount) &&
    (report.meanMs === undefined || isMs(report.meanMs)) &&
    (report.rttMs === undefined || isMs(report.rttMs)) &&
    isList(report.tickets, isTicket) &&
    isList(report.limits, isLimit) &&
    [report.gone, report.took, report.deaf].every(ids => isList(ids, isId))
  return isRight ? (report as Report) : undefined
}

/** Reads a beacon; undefined if the text is none. */
export function parseBeacon(text: string): Beacon | undefined {
  const beacon = parseObject(text) as Partial<Beacon> | undefined
  return beacon && isId(beacon.id) ? (beacon as Beacon) : undefined
}

/** Reads an order; undefined if the text is none. */
export function parseOrder(text: string): Order | undefined {
  const order = parseObject(text) as Partial<Order> | undefined
  const isPair = (pair: unknown) => Array.isArray(pair) && isId(pair[0]) && isId(pair[1])
  return order?.give && isList(order.give, isPair) ? (order as Order) : undefined
}

/** A JSON object; undefined if the text is none. */
export function parseObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/** Whether it is missing, or a list of such elements. */
export const isList = (value: unknown, isElement: (element: unknown) => boolean) =>
  value === undefined || (Array.isArray(value) && value.every(isElement))

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0
const isMs = (value: unknown) => Number.isFinite(value) && (value as number) >= 0
const isTicket = (value: unknown) =>
  Array.isArray(value) &&
  isId(value[0]) &&
  isMs(value[1]) &&
  Number.isSafeInteger(value[2]) &&
  (value[3] === undefined || isFunction(value[3]))
const isLimit = (value: unknown) =>
  Array.isArray(value) && isFunction(value[0]) && isCount(value[1]) && value[1] > 0 && isCount(value[2])
const isFunction = (value: unknown) => value === '' || isFunctionName(value)
