// A module is loaded anew: by the pool, whatever its slots do just then, and by an executor.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { parseRequest } from '../lib/protocol/request.js'
import { Pool } from '../lib/slots/pool.js'
import type { PoolOptions, PoolOwner } from '../lib/slots/pool-owner.js'
import type { Task } from '../lib/slots/task.js'
import { isAlive, survivors } from './fixtures/executors.js'
import { newClient, newExecutor, rejection } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'

const NEVER = 'await setTimeout(1e9);'
/** The same without any import. */
const HANGS = 'await new Promise(resolve => setTimeout(resolve, 1e9))'

/** A pool of a module that may be rewritten. */
class Workshop {
  readonly module: string
  readonly #go: string
  readonly #loading: string
  readonly pool
  readonly failures: string[] = []
  readonly isWorking: boolean[] = []
  readonly #results = new Map<string, (text: string) => void>()
  #isReady!: () => void
  readonly ready = new Promise<void>(resolve => (this.#isReady = resolve))

  constructor(t: Test, options: Partial<PoolOptions> = {}, prelude = '') {
    const folder = t.testdir({})
    this.module = join(folder, 'module.mjs')
    this.#go = join(folder, 'go')
    this.#loading = join(folder, 'loading')
    this.write('old', prelude && this.loading + prelude)
    const owner: PoolOwner<Task> = {
      ended: ({ task, code, body }) => this.#results.get(task.id)!(`${code}: ${Buffer.from(body)}`),
      started: () => {},
      ready: () => this.#isReady(),
      changed: () => {},
      interrupted: task => this.#results.get(task.id)!('interrupted'),
      argumentFailed: () => {},
      progressed: () => {},
      imported: () => {},
      output: () => {},
      warning: () => {},
      failed: error => void this.failures.push(error.message),
      isWorking: isWorking => void this.isWorking.push(isWorking),
      hopeless: () => {},
    }
    this.pool = new Pool(
      {
        module: pathToFileURL(this.module).href,
        title: 'reload test',
        concurrency: 2,
        processes: options.concurrency ?? 2,
        memoryLimit: 200,
        maxRequests: Infinity,
        execArgv: [],
        timeLimit: 60_000,
        backlog: 1000,
        backlogBytes: 1e6,
        ...options,
      },
      owner,
    )
    t.teardown(() => this.pool.close())
  }

  /** The module tells its version; or does so when `go` is called, or never, or ends its process. */
  write(version: string, prelude = '') {
    writeFileSync(
      this.module,
      `import { existsSync, writeFileSync } from 'node:fs'
       import { setTimeout } from 'node:timers/promises'
       ${prelude}
       export default async what => {
         if (what === 'exit') process.exit(3)
         while (what === 'waits' && !existsSync(${JSON.stringify(this.#go)})) await setTimeout(5)
         return '${version} ' + process.pid
       }`,
    )
  }

  /** Of a module: says that it is being loaded. */
  get loading() {
    return `writeFileSync(${JSON.stringify(this.#loading)}, String(process.pid));`
  }

  /** The process that loads it. */
  async isLoading(): Promise<number> {
    for (; ; await sleep(1)) {
      const pid = existsSync(this.#loading) && Number(readFileSync(this.#loading, 'utf8'))
      if (pid) return pid
    }
  }

  go() {
    writeFileSync(this.#go, '')
  }

  /** Resolves with `code: result` without the process's id. */
  compute(what: string): Promise<string> {
    const task = parseRequest(undefined, Buffer.from(JSON.stringify(what)), ['inbox'], 0) as unknown as Task
    const result = new Promise<string>(resolve => this.#results.set(task.id, resolve))
    this.pool.add(task)
    return result.then(text => text.replace(/^(0: "\w+) \d+"$/, '$1"'))
  }

  async running(count: number) {
    while (this.pool.running.length < count) await sleep(1)
  }

  get pids(): number[] {
    return this.pool.slots.map(({ pid }) => pid!)
  }

  async open() {
    while (this.pool.slots.some(({ state }: { state: string }) => state !== 'open')) await sleep(1)
  }
}

t.test('what runs is finished by the old code, all else is computed by the new one', async t => {
  const shop = new Workshop(t)
  await shop.ready
  const before = shop.pids
  const running = [shop.compute('waits'), shop.compute('waits')]
  await shop.running(2)
  const waiting = [shop.compute('short'), shop.compute('short'), shop.compute('short')]
  // The next one is sent ahead.
  while (!shop.pool.slots.some(({ room }: any) => room.prefetched)) await sleep(1)
  shop.write('new')
  await shop.pool.reload()
  t.strictSame(await Promise.all(waiting), Array(3).fill('0: "new"'))
  t.ok(before.every(isAlive))
  shop.go()
  t.strictSame(await Promise.all(running), Array(2).fill('0: "old"'))
  t.strictSame(await survivors(before), [])
  await shop.open()
  t.strictSame(shop.failures, [])
})

t.test('what cannot be loaded changes nothing, and is no failure of a slot', async t => {
  const shop = new Workshop(t)
  await shop.ready
  const before = shop.pids
  shop.write('new', 'const = 3')
  t.match(await rejection(shop.pool.reload()), { message: /module\.mjs:3: SyntaxError: / })
  shop.write('new', 'await Promise.reject(new Error("not today"))')
  t.match(await rejection(shop.pool.reload()), { message: /not today/ })
  t.strictSame(shop.pids, before)
  t.equal(await shop.compute('short'), '0: "old"')
  t.strictSame([shop.failures, shop.isWorking], [[], []])
  shop.write('new')
  await shop.pool.reload()
  t.equal(await shop.compute('short'), '0: "new"')
})

for (const [how, text] of [
  ['is slow', 'await setTimeout(200)'],
  ['never ends', NEVER],
] as const)
  t.test(`what is loaded, and ${how}, when it changes again is given up for the newest`, async t => {
    const shop = new Workshop(t)
    await shop.ready
    shop.write('first', shop.loading + text)
    const first = shop.pool.reload()
    const pid = await shop.isLoading()
    shop.write('second')
    await Promise.all([first, shop.pool.reload(), shop.pool.reload()])
    t.equal(await shop.compute('short'), '0: "second"')
    t.strictSame(await survivors([pid]), [])
    t.strictSame([shop.failures, shop.isWorking], [[], []])
  })

// Slots that are replaced may find the next version, which is broken: that is no fault here.
t.test('of many changes the last one counts', async t => {
  const shop = new Workshop(t)
  await shop.ready
  const earlier: Promise<Error | void>[] = []
  for (let i = 0; i < 30; i++) {
    shop.write(`${i}`, i % 3 === 0 ? 'throw new Error("broken")' : '')
    earlier.push(shop.pool.reload().catch((error: Error) => error))
    await sleep(Math.random() * 120)
  }
  shop.write('last')
  await shop.pool.reload()
  t.equal(await shop.compute('short'), '0: "last"')
  for (const error of await Promise.all(earlier)) if (error) t.match(error, { message: /broken/ })
})

t.test('while the slots start', async t => {
  const shop = new Workshop(t, {}, NEVER)
  await shop.isLoading()
  const before = shop.pids
  shop.write('new')
  await shop.pool.reload()
  await shop.ready
  t.equal(await shop.compute('short'), '0: "new"')
  t.strictSame(await survivors(before), [])
  t.strictSame(shop.failures, [])
})

t.test('when all slots have failed', async t => {
  const shop = new Workshop(t, {}, 'throw new Error("broken")')
  while (shop.failures.length < 4) await sleep(1)
  t.match(await rejection(shop.pool.reload()), { message: /broken/ })
  const { length } = shop.failures
  shop.write('new')
  const from = performance.now()
  await shop.pool.reload()
  t.equal(await shop.compute('short'), '0: "new"')
  t.comment(`${length} failures, new after ${(performance.now() - from).toFixed(0)} ms`)
  t.strictSame(shop.isWorking, [false, true])
})

t.test('requests that share a process', async t => {
  const shop = new Workshop(t, { concurrency: 5, processes: 2 })
  await shop.ready
  const running = Array.from({ length: 5 }, () => shop.compute('waits'))
  await shop.running(5)
  shop.write('new')
  await shop.pool.reload()
  await shop.open()
  t.strictSame(
    shop.pool.slots.map(({ room }: any) => room.width),
    [2, 3],
  )
  t.strictSame(await Promise.all(Array.from({ length: 9 }, () => shop.compute('short'))), Array(9).fill('0: "new"'))
  shop.go()
  t.strictSame(await Promise.all(running), Array(5).fill('0: "old"'))
})

t.test('an old slot that dies afterwards costs its request alone', async t => {
  const shop = new Workshop(t, { concurrency: 1 })
  await shop.ready
  const [pid] = shop.pids
  const running = shop.compute('waits')
  await shop.running(1)
  shop.write('new')
  await shop.pool.reload()
  const after = shop.pids
  process.kill(pid!, 'SIGKILL')
  t.match(await running, /^500: /)
  t.equal(await shop.compute('short'), '0: "new"')
  t.strictSame(shop.pids, after)
  t.match(await shop.compute('exit'), /^500: .*exit code 3/)
  t.equal(await shop.compute('short'), '0: "new"')
})

t.test('closing ends all processes', async t => {
  const shop = new Workshop(t)
  await shop.ready
  void shop.compute('waits')
  await shop.running(1)
  const before = shop.pids
  shop.write('new')
  await shop.pool.reload()
  const after = shop.pids
  shop.write('newer', shop.loading + NEVER)
  const [first, second] = [rejection(shop.pool.reload()), rejection(shop.pool.reload())]
  await shop.isLoading()
  await shop.pool.close()
  t.match(await first, { message: 'the slots are closed' })
  t.match(await second, { message: 'the slots are closed' })
  t.match(await rejection(shop.pool.reload()), { message: 'the slots are closed' })
  t.strictSame(await survivors([...before, ...after], 0), [])
})

t.test('an executor', async t => {
  const server = await startServer(t)
  const { 'module.mjs': text, ...files } = {
    'module.mjs': `import { version } from './version.mjs'; import './other.cjs'
                   export default async what => { if (what) await import('./later.mjs'); return version }`,
    'version.mjs': `export const version = 'old'`,
    'other.cjs': `require('./data.json')`,
    'data.json': '{}',
    'later.mjs': '',
  }
  const folder = t.testdir({ ...files, 'module.mjs': text, node_modules: { dep: { 'index.js': '' } } })
  const module = pathToFileURL(join(folder, 'module.mjs'))
  const executor = newExecutor(t, server, { module, service: 'module' })
  t.match(await rejection(executor.reload()), { message: 'the executor was not started' })
  const imported = new Set<string>()
  executor.on('imported', file => imported.add(file))
  await Promise.all([executor.start(), executor.reload()])
  t.strictSame(
    [...imported].toSorted(),
    ['data.json', 'module.mjs', 'other.cjs', 'version.mjs'].map(f => join(folder, f)),
  )
  const client = newClient(t, server, { service: 'module' })
  t.equal(await client.call(0), 'old')
  t.equal(await client.call(1), 'old')
  while (!imported.has(join(folder, 'later.mjs'))) await sleep(1)

  writeFileSync(join(folder, 'version.mjs'), `import './new.mjs'; export const version = 'new'`)
  t.match(await rejection(executor.reload()), { message: /^cannot load .*module\.mjs: .*new\.mjs/ })
  t.ok(imported.has(join(folder, 'new.mjs')), 'what is missing is told, too')
  writeFileSync(join(folder, 'new.mjs'), 'const')
  t.match(await rejection(executor.reload()), { message: /^cannot load .*module\.mjs: .*new\.mjs:1: SyntaxError/ })
  t.equal(await client.call(0), 'old')
  writeFileSync(join(folder, 'new.mjs'), '')
  await executor.reload()
  t.equal(await client.call(0), 'new')
  const stopping = executor.stop()
  t.match(await rejection(executor.reload()), { message: 'the executor was stopped' })
  await stopping
})

t.test('only a load that nobody has given up is said to be slow', async t => {
  const server = await startServer(t)
  const module = join(t.testdir({ 'module.mjs': 'export default () => 1' }), 'module.mjs')
  const executor = newExecutor(t, server, { module, service: 'module' })
  const warnings: string[] = []
  executor.on('warning', text => warnings.push(text))
  await executor.start()
  writeFileSync(module, HANGS)
  const loads: Promise<void>[] = []
  for (let i = 0; i < 10; i++) {
    loads.push(executor.reload())
    await sleep(300)
  }
  t.strictSame(warnings, [])
  while (warnings.length === 0) await sleep(10)
  writeFileSync(module, 'export default () => 2')
  await Promise.all([...loads, executor.reload()])
  t.strictSame(warnings, [`still loading ${module}`])
})

t.test('an executor that stops meanwhile', async t => {
  const server = await startServer(t)
  const module = join(t.testdir({ 'module.mjs': 'export default () => 1' }), 'module.mjs')
  const executor = newExecutor(t, server, { module, service: 'module' })
  await executor.start()
  writeFileSync(module, HANGS)
  const reloading = rejection(executor.reload())
  await executor.stop()
  t.match(await reloading, { message: /^the executor was stopped$/ })
})
