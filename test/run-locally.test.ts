// Slots of one's own answer as a client does that has one executor.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  Executor,
  type ExecutorClient,
  type LocalOptions,
  type LocalRunner,
  type MapRun,
  runLocally,
} from 'nats-executor'
import t, { type Test } from 'tap'
import { descendants, survivors } from './fixtures/executors.js'
import { fixture, newClient, rejection, startExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { runFile } from './fixtures/processes.js'

type Caller = LocalRunner | ExecutorClient
interface Module {
  default<Value>(value: Value): Value
  area(rectangle: { width: number }): number
  mixed(n: number): number | Uint8Array
}

const MODULE = fixture('caller.mjs')
/** Two in one process, so that one can end it while the other is innocent. */
const SLOTS = { concurrency: 2, processes: 1, execArgv: [] }
const SERVED =
  'caller, caller.alone, caller.area, caller.exit, caller.fails, caller.headers, caller.kind, caller.later, caller.listens, ' +
  'caller.mixed, caller.once, caller.pid, caller.print, caller.progress, caller.remember, caller.reversed, caller.slow, ' +
  'caller.text, caller.twice, caller.unsayable, caller.waits'

/** What a call comes to, as plain data. */
async function ended(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call
  } catch (error) {
    const { name, code, message, details, cause, attempts, losses } = error as any
    return { name, code, message, details, cause: causeOf(cause), attempts, losses }
  }
}
const causeOf = (error: any): unknown =>
  error instanceof Error ? { ...error, name: error.name, message: error.message, cause: causeOf(error.cause) } : error

async function outcomes(map: MapRun<unknown, unknown>) {
  const all = []
  for await (const { index, result, error } of map)
    all.push([index, error ? `${error.name}: ${error.message}` : result])
  return all
}

/** Calls a function, and resolves with its process when it has started. */
async function started(caller: Caller, name: string, options = {}) {
  let call!: Promise<unknown>
  const pid = await new Promise<number>(resolve => {
    call = ended(caller.call(null, { function: name, onProgress: resolve, ...options }))
  })
  return { call, pid }
}

const error = (name: string, code: number, message: string, more = {}) => ({
  name,
  code,
  message,
  details: undefined,
  cause: undefined,
  attempts: 1,
  losses: 0,
  ...more,
})
const EXITED = 'the process of the function ended with exit code 7, while 2 requests ran in it'

/** Two calls: the second one ends the process of both. */
async function interrupted(caller: Caller, name: string, options = {}) {
  const { call } = await started(caller, name, options)
  return Promise.all([call, ended(caller.call(7, { function: 'exit' }))])
}

const CASES: Record<string, [act: (caller: Caller) => unknown, expected: unknown]> = {
  'a result': [caller => caller.call({ a: [1, 'é', null] }), { a: [1, 'é', null] }],
  'an asynchronous one': [caller => caller.call(3, { function: 'later' }), 3],
  'no argument': [caller => caller.call(undefined, { function: 'kind' }), 'undefined'],
  'no result': [caller => caller.call(), null],
  'a whole reply': [
    async caller => {
      const { result, requestId, computeMs } = await caller.request(3, { requestId: 'order_66' })
      return [result, requestId, typeof computeMs]
    },
    [3, 'order_66', 'number'],
  ],
  bytes: [caller => caller.call(Uint8Array.of(1, 2, 3), { function: 'reversed' }), Uint8Array.of(3, 2, 1)],
  'no bytes': [caller => caller.call(new Uint8Array(0), { function: 'kind' }), '0 bytes'],
  'what JSON cannot say': [
    caller => caller.call({ at: 1n }),
    error('TypeError', undefined as never, 'argument.at is a BigInt, which JSON cannot say', {
      attempts: undefined,
      losses: undefined,
    }),
  ],
  'a result that JSON cannot say': [
    caller => caller.call(1, { function: 'unsayable' }),
    error('ExecutionError', 500, 'result.rows[1] is NaN, which JSON cannot say', {
      cause: { name: 'TypeError', message: 'result.rows[1] is NaN, which JSON cannot say', cause: undefined },
    }),
  ],
  'an error': [
    caller => caller.call('it is odd', { function: 'fails' }),
    error('ExecutionError', 500, 'it is odd', {
      details: { row: 3 },
      cause: {
        name: 'TypeError',
        message: 'it is odd',
        code: 'E_ODD',
        row: 3,
        cause: { name: 'RangeError', message: 'deep', code: 'E_DEEP', cause: undefined },
      },
    }),
  ],
  'a refused argument': [
    caller => caller.call({ width: 'x' }, { function: 'area' }),
    error('InvalidArgumentError', 400, 'area does not take this argument: width: expected a number', {
      details: { issues: [{ path: ['width'], message: 'expected a number' }] },
      cause: {
        name: 'InvalidArgumentError',
        message: 'area does not take this argument: width: expected a number',
        code: 400,
        issues: [{ path: ['width'], message: 'expected a number' }],
        cause: undefined,
      },
    }),
  ],
  'no such function': [
    caller => caller.call(1, { function: 'toString' }),
    error('UnknownFunctionError', 404, `there is no caller.toString: there is ${SERVED}`),
  ],
  headers: [caller => caller.call(1, { function: 'headers', headers: { 'X-Trace': 'a b' } }), { 'X-Trace': 'a b' }],
  'no headers': [caller => caller.call(1, { function: 'headers' }), {}],
  progress: [
    async caller => {
      const heard: unknown[] = []
      const result = await caller.call(0.5, { function: 'progress', onProgress: value => heard.push(value) })
      return [result, heard]
    },
    [0.5, [0.5]],
  ],
  'a timeout': [
    caller => caller.call(1, { function: 'waits', timeout: 200 }),
    error('TimeoutError', 408, 'no answer within 0.2 s'),
  ],
  'a timeout of what listens': [
    caller => caller.call(1, { function: 'listens', timeout: 200 }),
    error('TimeoutError', 408, 'no answer within 0.2 s'),
  ],
  'a time limit': [
    caller => caller.call(1, { function: 'slow' }),
    error('DeadlineExceededError', 408, "the computation took longer than the function's time limit of 200 ms"),
  ],
  'a signal': [
    async caller => {
      const controller = new AbortController()
      const { call } = await started(caller, 'listens', { signal: controller.signal })
      controller.abort('enough')
      return [await call, await ended(caller.call(1, { signal: controller.signal }))]
    },
    [
      error('CancelledError', 499, 'the call was cancelled', { cause: 'enough' }),
      error('CancelledError', 499, 'the call was cancelled', { cause: 'enough', attempts: 0 }),
    ],
  ],
  'a map': [
    caller => outcomes(caller.map([1, 2, 3, 4, 5], { function: 'mixed', batchSize: 5 })),
    [
      [0, 1],
      [1, 2],
      [2, 'ExecutionError: not 3'],
      [3, Uint8Array.of(4)],
      [4, 5],
    ],
  ],
  'a map of whatever': [
    caller => outcomes(caller.map([undefined, Uint8Array.of(1), 'x', () => 1], { function: 'kind', batchSize: 4 })),
    [
      [0, 'undefined'],
      [1, '1 bytes'],
      [2, 'string'],
      [3, 'InvalidArgumentError: argument is a function, which JSON cannot say'],
    ],
  ],
  'a map whose argument ends the process': [
    caller => outcomes(caller.map([7, 7], { function: 'exit', batchSize: 2, concurrency: 1 })),
    [
      [0, /^ExecutionError: the process of the function ended with exit code 7/],
      [1, /^ExecutionError: the process of the function ended with exit code 7/],
    ],
  ],
  'a map that is cancelled': [
    async caller => {
      const controller = new AbortController()
      const { signal } = controller
      const map = caller.map([1, 2], { function: 'listens', signal })
      controller.abort('enough')
      return ended(outcomes(map))
    },
    error('CancelledError', 499, 'the map was cancelled', { cause: 'enough', attempts: undefined, losses: undefined }),
  ],
  'computed again': [caller => interrupted(caller, 'twice'), [2, error('ExecutionError', 500, EXITED)]],
  'not computed again': [
    caller => interrupted(caller, 'twice', { retries: 0 }),
    [
      error('RequestLostError', 503, 'the request was lost with its executor', {
        losses: 1,
        cause: { name: 'UnavailableError', message: /^interrupted: the process of the function ended with exit code/ },
      }),
      error('ExecutionError', 500, EXITED),
    ],
  ],
  'not computed again, as the function has it': [
    caller => interrupted(caller, 'once'),
    [
      error('ExecutionError', 500, 'lost with its executor: maxAttempts of caller.once is 1', {
        attempts: 2,
        losses: 1,
      }),
      error('ExecutionError', 500, EXITED),
    ],
  ],
  'a process that somebody kills': [
    async caller => {
      const { call, pid } = await started(caller, 'waits')
      process.kill(pid, 'SIGKILL')
      return call
    },
    error('ExecutionError', 500, 'the process of the function was ended by SIGKILL'),
  ],
  'one at a time': [
    caller => Promise.all(Array.from({ length: 5 }, () => caller.call(1, { function: 'alone' }))),
    [1, 1, 1, 1, 1],
  ],
  'typed functions': [
    async caller => {
      const { area, mixed, ...rest } = { ...caller.functions<Module>() }
      const remote = caller.functions<Module>()
      const width: number = await remote.area({ width: 3 })
      const { result } = await remote.default.request('x')
      return [width, result, await outcomes(remote.mixed.map([1])), area, mixed, rest]
    },
    [9, 'x', [[0, 1]], undefined, undefined, {}],
  ],
  'a wrong option': [
    caller => caller.call(1, { retry: 3 } as object),
    {
      name: 'TypeError',
      message: /^unknown option `retry`; the options are function, headers, /,
    },
  ],
}

function all(t: Test, caller: Caller) {
  for (const [name, [act, expected]] of Object.entries(CASES))
    t.test(name, async t => void t.match(await ended(Promise.resolve(act(caller))), expected))
}

/** As a user has it; it is closed with the test. */
async function start(t: Test, options: LocalOptions = {}, module: string | URL = MODULE) {
  const local = await runLocally(module, { execArgv: [], ...options })
  t.teardown(() => local.close())
  return local
}

t.test('with a server', async t => {
  const server = await startServer(t)
  await startExecutor(t, server, { module: MODULE, service: 'caller', ...SLOTS })
  const client = newClient(t, server, { service: 'caller' })
  all(t, client)
  t.test('only a server has a limit', async t => {
    const length = 2 ** 20
    t.match(await rejection(client.call(length, { function: 'text' })), { name: 'TooLargeError' })
  })
})

t.test('without a server', async t => {
  const local = await start(t, SLOTS)
  all(t, local)
  t.test('no limit but 64 MiB', async t => {
    const length = 2 ** 20
    t.equal((await local.call<string>(length, { function: 'text' })).length, length)
    t.match(await rejection(local.call(new Uint8Array(2 ** 26 + 1))), {
      name: 'TooLargeError',
      code: 413,
      message: 'the argument has 67108865 bytes and the most is 67108864',
    })
  })
  t.test('stacks are told', async t => {
    const { cause } = await rejection(local.call('odd', { function: 'fails' }))
    t.match(cause.stack, /^TypeError: odd\n +at .*caller\.mjs:\d+/)
  })
})

for (const processes of [1, 4])
  t.test(`a call that is cancelled before it starts, with 4 slots in ${processes}`, async t => {
    const local = await start(t, { concurrency: 4, processes })
    const pids = () => Promise.all(Array.from({ length: 4 }, () => local.call(null, { function: 'pid' })))
    const before = new Set(await pids())
    for (let i = 0; i < 4; i++) {
      const controller = new AbortController()
      const call = rejection(local.call(i, { function: 'once', signal: controller.signal }))
      controller.abort()
      t.match(await call, { name: 'CancelledError' })
    }
    // Longer than what does not listen to its signal may take.
    await sleep(100)
    t.strictSame(new Set(await pids()), before, 'no process was replaced')
  })

t.test('bytes are those of the call', async t => {
  const local = await start(t, { concurrency: 1 })
  const bytes = Uint8Array.of(1, 2, 3)
  const calls = [local.call(bytes), local.call(bytes), local.call(bytes)]
  bytes.fill(0)
  for (const call of calls) t.strictSame(await call, Uint8Array.of(1, 2, 3))
})

t.test('as many slots as processors, or as one likes', async t => {
  const local = await start(t, { concurrency: 3 })
  const calls = []
  for (let i = 0; i < 3; i++) calls.push(await started(local, 'listens'))
  const { call } = await started(await start(t), 'listens', { timeout: 50 })
  t.match(await call, { name: 'TimeoutError' })
})

t.test('a full backlog', async t => {
  const local = await start(t, { concurrency: 1, backlog: 1 })
  const { call } = await started(local, 'waits')
  const waiting = local.call(1)
  t.match(await rejection(local.call(2)), {
    name: 'OverloadedError',
    code: 429,
    message: 'the backlog is full: 1 requests wait',
  })
  const closed = local.close()
  t.match(await call, { name: 'CancelledError' })
  t.match(await rejection(waiting), { name: 'CancelledError', message: 'the runner was closed' })
  await closed
})

t.test('a map whose arguments go one by one has no more under way than it may', async t => {
  const backlog = 63
  const local = await runLocally(MODULE, { execArgv: [], concurrency: 1, backlog })
  t.teardown(() => local.close())
  // Bytes that are part of a batch would be written in vain, as long text.
  let written = 0
  Object.assign(Uint8Array.prototype, { toJSON: () => written++ })
  t.teardown(() => delete (Uint8Array.prototype as any).toJSON)
  for (const options of [
    { batchSize: 100, concurrency: 1 },
    { batchSize: 1000, concurrency: backlog },
    { batchSize: 'auto', concurrency: 'auto' },
  ] as const)
    for (const item of [new Uint8Array(3), undefined]) {
      const map = local.map(Array(1000).fill(item), { function: 'kind', ...options })
      await outcomes(map)
      t.strictSame(map.counts, { read: 1000, done: 1000, failed: 0 }, `${item} ${JSON.stringify(options)}`)
    }
  t.equal(written, 0)
})

t.test('closing', async t => {
  const folder = t.testdir({})
  const before = new Set(descendants(process.pid))
  const local = await start(t, { concurrency: 2 })
  const files = ['a', 'b'].map(name => join(folder, name))
  // Each in a process of its own.
  const calls = []
  for (const file of files) {
    await local.call(file, { function: 'remember' })
    calls.push(await started(local, 'listens'))
  }
  const closed = local.close()
  t.equal(local.close(), closed)
  for (const { call } of calls) t.match(await call, { name: 'CancelledError', code: 499 })
  await closed
  t.strictSame(
    files.map(file => readFileSync(file, 'utf8')),
    ['stopped', 'stopped'],
  )
  t.match(await rejection(local.call(1)), { name: 'CancelledError', message: 'the runner was closed' })
  t.match(await rejection(outcomes(local.map([1]))), { name: 'CancelledError' })
  t.strictSame(await survivors(descendants(process.pid).filter(pid => !before.has(pid))), [])
  await local[Symbol.asyncDispose]()
})

t.test('who forgets to close', async t => {
  const folder = t.testdir({
    'script.mjs': `
      import { runLocally } from ${JSON.stringify(import.meta.resolve('nats-executor'))}
      const local = await runLocally(${JSON.stringify(MODULE)}, { concurrency: 2 })
      await local.call('from the function', { function: 'print' })
      // Long enough to be looked at, with a deadline far away.
      await local.call(1, { function: 'slow' }).catch(() => {})
      console.log(await local.call(null, { function: 'pid' }))`,
  })
  const script = runFile(t, process.execPath, [join(folder, 'script.mjs')])
  const pid = Number(await script.line(/^\d+$/))
  t.equal(await script.exit, 0)
  t.strictSame(script.stdout, ['from the function', String(pid)])
  t.strictSame(script.stderr, ['from the function!'])
  t.strictSame(await survivors([pid]), [])
})

t.test('what cannot be loaded is the error of an executor', async t => {
  const folder = t.testdir({ 'throws.mjs': 'throw new Error("no")', 'empty.mjs': '', 'odd.mjs': 'export default (' })
  for (const name of ['throws.mjs', 'empty.mjs', 'odd.mjs', 'missing.mjs', '.']) {
    const module = join(folder, name)
    const executor = new Executor({ module, service: 'x', execArgv: [], connection: 'nats://127.0.0.1:1' })
    const { message } = await rejection(executor.start())
    t.equal((await rejection(runLocally(module, { execArgv: [] }))).message, message, message)
  }
})

t.test('a module of data, a path', async t => {
  const local = await start(t, { concurrency: 1 }, 'data:text/javascript,export const half = n => n / 2')
  t.equal(await local.call(3, { function: 'half' }), 1.5)
  t.match(await rejection(local.call(3)), { message: 'module has no default export: there is module.half' })
  t.equal(await (await start(t, { concurrency: 1 }, fileURLToPath(MODULE))).call(3), 3)
})

t.test('options', async t => {
  for (const [options, message] of [
    [{ connection: 'x' }, /^unknown option `connection`; the options are concurrency, /],
    [{ concurrency: 0 }, /^expected `concurrency` to be from 1 to 1024, got 0$/],
    [{ concurrency: 1, processes: 2 }, /^expected `processes` to be from 1 to 1, got 2$/],
    [{ backlog: 0.5 }, /^expected `backlog` to be an integer/],
    [null, /^expected `options` to be an object, got null$/],
  ] as const)
    t.match(await rejection(runLocally(MODULE, options as LocalOptions)), { message })
  t.match(await rejection(runLocally(3 as never)), { message: "expected `module` to be a module's path or URL, got 3" })
})
