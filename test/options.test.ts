// An option that is wrong is an error where it enters.
import { Executor, ExecutorClient } from 'nats-executor'
import t from 'tap'

type Case = [option: string, value: unknown, error: typeof TypeError | typeof RangeError, message: string]

const common: Case[] = [
  ['service', '', RangeError, 'expected `service` to be a NATS subject without wildcards, got ""'],
  ['service', 'a.*', RangeError, 'expected `service` to be a NATS subject without wildcards, got "a.*"'],
  ['service', '>', RangeError, 'expected `service` to be a NATS subject without wildcards, got ">"'],
  ['service', 'a b', RangeError, 'expected `service` to be a NATS subject without wildcards, got "a b"'],
  ['service', 'a..b', RangeError, 'expected `service` to be a NATS subject without wildcards, got "a..b"'],
  ['service', '$a', RangeError, 'expected `service` to be a NATS subject that does not begin with "$", got "$a"'],
  ['service', 7, RangeError, 'expected `service` to be a NATS subject without wildcards, got 7'],
  ['service', '_INBOX.x', RangeError, 'expected `service` to be outside of "_INBOX", where replies go, got "_INBOX.x"'],
  ['service', '_R_', RangeError, 'expected `service` to be outside of "_R_", where replies go, got "_R_"'],
  [
    'service',
    '_EXEC.find.x',
    RangeError,
    'expected `service` to be outside of "_EXEC", where executors are asked, got "_EXEC.find.x"',
  ],
  ['prefix', '_INBOX', RangeError, 'expected `prefix` to be outside of "_INBOX", where replies go, got "_INBOX"'],
  [
    'prefix',
    '$SRV.PING',
    RangeError,
    'expected `prefix` to be outside of "$SRV", which is for what NATS says itself, got "$SRV.PING"',
  ],
]
const executor: Case[] = [
  ['queue', 'a b', RangeError, 'expected `queue` to be 1–64 letters, digits, "_" or "-", got "a b"'],
  [
    'queue',
    'x'.repeat(65),
    RangeError,
    `expected \`queue\` to be 1–64 letters, digits, "_" or "-", got "${'x'.repeat(65)}"`,
  ],
  ['module', () => 1, TypeError, "expected `module` to be a module's path or URL, got () => 1"],
  ['concurrency', 0, RangeError, 'expected `concurrency` to be from 1 to 1024, got 0'],
  ['concurrency', 1025, RangeError, 'expected `concurrency` to be from 1 to 1024, got 1025'],
  ['concurrency', 1.5, TypeError, 'expected `concurrency` to be an integer from 1 to 1024, got 1.5'],
  ['concurrency', '2', TypeError, 'expected `concurrency` to be an integer from 1 to 1024, got "2"'],
  ['processes', 2, RangeError, 'expected `processes` to be from 1 to 1, got 2'],
  ['processes', 0, RangeError, 'expected `processes` to be from 1 to 1, got 0'],
  ['maxRequests', 0, RangeError, 'expected `maxRequests` to be from 1 to 9007199254740991, got 0'],
  ['maxRequests', 1.5, TypeError, 'expected `maxRequests` to be an integer from 1 to 9007199254740991, got 1.5'],
  ['execArgv', '--x', TypeError, 'expected `execArgv` to be an array of strings, got "--x"'],
  ['execArgv', [1], TypeError, 'expected `execArgv` to be an array of strings, got 1'],
  ['timeLimit', 0, RangeError, 'expected `timeLimit` to be from 1 to 2147483647, got 0'],
  ['timeLimit', Infinity, RangeError, 'expected `timeLimit` to be from 1 to 2147483647, got Infinity'],
  ['timeLimit', NaN, RangeError, 'expected `timeLimit` to be from 1 to 2147483647, got NaN'],
  ['timeLimit', '1', TypeError, 'expected `timeLimit` to be a number from 1 to 2147483647, got "1"'],
  ['memoryLimit', 7, RangeError, 'expected `memoryLimit` to be from 64 to 1048576, got 7'],
  ['backlog', -1, RangeError, 'expected `backlog` to be from 0 to 1000000, got -1'],
  ['drainTimeout', -1, RangeError, 'expected `drainTimeout` to be from 0 to 2147483647, got -1'],
  ['balance', 'no', TypeError, 'expected `balance` to be a boolean, got "no"'],
]
const client: Case[] = [
  ['timeout', 0, RangeError, 'expected `timeout` to be from 1 to 2147483647, got 0'],
  ['timeout', 2 ** 31, RangeError, 'expected `timeout` to be from 1 to 2147483647, got 2147483648'],
  ['timeout', '9', TypeError, 'expected `timeout` to be a number from 1 to 2147483647, got "9"'],
  ['retries', -1, RangeError, 'expected `retries` to be from 0 to 9007199254740991, got -1'],
  ['retries', 0.5, TypeError, 'expected `retries` to be an integer from 0 to 9007199254740991, got 0.5'],
  ['prefix', 'a.*', RangeError, 'expected `prefix` to be a NATS subject without wildcards, got "a.*"'],
  ['prefix', '', RangeError, 'expected `prefix` to be a NATS subject without wildcards, got ""'],
  ['inboxPrefix', 'a..b', RangeError, 'expected `inboxPrefix` to be a NATS subject without wildcards, got "a..b"'],
  ['inboxPrefix', '>', RangeError, 'expected `inboxPrefix` to be a NATS subject without wildcards, got ">"'],
  ['inboxPrefix', 7, RangeError, 'expected `inboxPrefix` to be a NATS subject without wildcards, got 7'],
  ['key', 'a b', RangeError, 'expected `key` to be 1–64 letters, digits, "_" or "-", got "a b"'],
  ['key', '', RangeError, 'expected `key` to be 1–64 letters, digits, "_" or "-", got ""'],
]

for (const Class of [Executor, ExecutorClient] as (new (options: any) => unknown)[]) {
  for (const [option, value, error, message] of [...common, ...(Class === ExecutorClient ? client : executor)])
    t.throws(() => new Class({ [option]: value }), Object.assign(new error(message), { name: error.name }), message)
  t.throws(() => new Class({ timeuot: 1 }), /^unknown option `timeuot`; the options are connection, service, /)
  t.throws(() => new Class(null), new TypeError('expected `options` to be an object, got null'))
  t.doesNotThrow(() => new Class({ service: undefined, connection: undefined }), 'undefined is the default')
}

t.test('subjects that would be in the way of each other', async t => {
  const wrong: [options: object, message: string, classes?: unknown[]][] = [
    [{ service: 'a.b', prefix: 'a' }, '`service` to be outside of "a", where executors are asked, got "a.b"'],
    [{ service: 'a', prefix: 'a' }, '`service` to be outside of "a", where executors are asked, got "a"'],
    [
      { service: 'a.b', connection: { inboxPrefix: 'a' } },
      '`service` to be outside of "a", where replies go, got "a.b"',
    ],
    [{ prefix: 'a.b', connection: { inboxPrefix: 'a' } }, '`prefix` to be outside of "a", where replies go, got "a.b"'],
    [
      { connection: { inboxPrefix: '_EXEC.peer' } },
      '`inboxPrefix` to be outside of "_EXEC", where executors are asked, got "_EXEC.peer"',
    ],
    [{ inboxPrefix: 'a', service: 'a' }, '`service` to be outside of "a", where replies go, got "a"', [ExecutorClient]],
    [
      { inboxPrefix: '$JS.API', service: 'a' },
      '`inboxPrefix` to be outside of "$JS", which is for what NATS says itself, got "$JS.API"',
      [ExecutorClient],
    ],
    [
      { inboxPrefixes: ['_INBOX', 'a.b'], prefix: 'a' },
      '`inboxPrefixes` to be outside of "a", where executors are asked, got "a.b"',
      [Executor],
    ],
    [{ inboxPrefixes: ['a'], service: 'a' }, '`service` to be outside of "a", where replies go, got "a"', [Executor]],
  ]
  for (const [options, message, classes = [Executor, ExecutorClient]] of wrong)
    for (const Class of classes as (new (options: any) => unknown)[])
      t.throws(() => new Class(options), Object.assign(new RangeError(`expected ${message}`), { name: 'RangeError' }))
  for (const service of ['_INBOXES.x', '_EXECUTE', 'a', '_R'])
    for (const Class of [Executor, ExecutorClient]) t.doesNotThrow(() => new Class({ service, prefix: 'a.b' }), service)
})

t.test("a call's options are checked as well", async t => {
  const caller = new ExecutorClient({ connection: { servers: 'nats://127.0.0.1:1' } })
  await t.rejects(caller.call(1, { timeout: 0 }), { name: 'RangeError', message: /`timeout`/ })
  await t.rejects(caller.call(1, { retries: -1 }), { name: 'RangeError', message: /`retries`/ })
  await t.rejects(caller.call(1n), { name: 'TypeError', message: 'argument is a BigInt, which JSON cannot say' })
  await t.rejects(caller.call(1n), TypeError)
  await caller.close()
})
