// What an executor says of itself in an answer to STATS. Any service may answer there, so nothing is taken for granted.
import { parseObject } from '../protocol/dispatch.js'
import { isFunctionName, isId, isSubject, serviceName } from '../protocol/subjects.js'

/** What one function of an executor has done since it was started. */
export interface FunctionStatus {
  /** The name of the export, `default` for the default one. */
  name: string
  /** How many requests were answered, each argument of a batch for itself. */
  requests: number
  /** How many of them with an error. */
  errors: number
  /** Of the last one the code and its class, such as `500: ExecutionError`; '' if there was none. */
  lastError: string
  /** How long a computation takes in the mean, in milliseconds. */
  meanMs: number
}

/** What an executor is and does. */
export interface ExecutorStatus {
  id: string
  /** The subject of its requests. */
  service: string
  queue: string
  host: string
  pid: number
  /** Its module: the file's name. */
  module: string
  /** Name and version of the package that the module is in, if it is in one. */
  package: string | undefined
  /** The version of this package that it runs. */
  version: string
  /** When it was started, by its own clock: ISO 8601. */
  started: string
  /** How many requests it computes at the same time, at most. */
  slots: number
  /** How many it computes now. */
  computing: number
  /** How many wait there. */
  waiting: number
  functions: FunctionStatus[]
}

interface Endpoint {
  subject: string
  queue_group: string
  num_requests: number
  num_errors: number
  last_error: string
  average_processing_time: number
  data: { backlog: number; computing: number; concurrency: number }
}

const ENDPOINT = {
  string: ['subject', 'queue_group', 'last_error'],
  number: ['num_requests', 'num_errors', 'average_processing_time'],
}

/** Undefined if it is no executor of ours. */
export function readStatus(text: string): ExecutorStatus | undefined {
  const said = (parseObject(text) ?? {}) as Record<string, unknown>
  const { id, name, version, started, endpoints } = said
  const about = (said['metadata'] ?? {}) as Record<string, unknown>
  const { pid, host, module, package: from } = about
  const areTexts = [name, version, started, pid, host, module].every(value => typeof value === 'string')
  if (!isId(id) || !areTexts || !/^\d{1,10}$/.test(pid as string)) return undefined
  if (!Array.isArray(endpoints) || endpoints.length === 0 || !endpoints.every(isEndpoint)) return undefined
  const [{ queue_group: queue, data }] = endpoints as [Endpoint]
  const functions = endpoints.map(endpoint => ({ endpoint, of: functionOf(endpoint, name as string) }))
  const { service } = functions[0]!.of
  if (!isSubject(service) || !functions.every(({ of }) => of.service === service && isFunctionName(of.name)))
    return undefined
  return {
    id: id as string,
    service,
    queue,
    host: host as string,
    pid: Number(pid),
    module: module as string,
    package: typeof from === 'string' ? from : undefined,
    version: version as string,
    started: started as string,
    slots: data.concurrency,
    computing: data.computing,
    waiting: data.backlog,
    functions: functions.map(({ endpoint, of }) => ({
      name: of.name,
      requests: endpoint.num_requests,
      errors: endpoint.num_errors,
      lastError: endpoint.last_error,
      meanMs: endpoint.average_processing_time / 1e6,
    })),
  }
}

function isEndpoint(value: unknown): value is Endpoint {
  const endpoint = (value ?? {}) as Record<string, unknown>
  const data = (endpoint['data'] ?? {}) as Record<string, unknown>
  return (
    ENDPOINT.string.every(name => typeof endpoint[name] === 'string') &&
    ENDPOINT.number.every(name => isCount(endpoint[name])) &&
    [data['backlog'], data['computing'], data['concurrency']].every(isCount)
  )
}

/** The default export answers on the service's own subject, another one on that with its name behind. */
function functionOf({ subject }: Endpoint, name: string) {
  const at = subject.lastIndexOf('.')
  return at < 0 || serviceName(subject) === name
    ? { name: 'default', service: subject }
    : { name: subject.slice(at + 1), service: subject.slice(0, at) }
}

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0
