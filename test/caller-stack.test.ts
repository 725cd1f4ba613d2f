// The stack of a call's error names the lines of the caller, who may have waited for it for long.
import t from 'tap'
import { type ExecutorClient, Observer, runLocally } from 'nats-executor'
import { fixture, newClient, newExecutor, rejection, startExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'

type Caller = Pick<ExecutorClient, 'call' | 'request' | 'functions'>

const ways: Record<string, (caller: Caller) => Promise<unknown>> = {
  call: async function called(caller) {
    await caller.call(['throws', 'a text'])
  },
  request: async function called(caller) {
    return await caller.request(['throws', 'a text'])
  },
  functions: async function called(caller) {
    await caller.functions()['default']!(['throws', 'a text'])
  },
  'Promise.all': async function called(caller) {
    await Promise.all([caller.call(['echo', 1]), caller.call(['throws', 'a text'])])
  },
  timeout: async function called(caller) {
    await caller.call(['sleep', 60_000], { timeout: 100 })
  },
  signal: async function called(caller) {
    await caller.call(['sleep', 60_000], { signal: AbortSignal.timeout(100) })
  },
}

const server = await startServer(t)
const refusing = await startServer(t, 'authorization { token: secret }')
await startExecutor(t, server)
await using local = await runLocally(fixture('acts.mjs'))
for (const [kind, caller] of Object.entries({ 'a client': newClient(t, server), 'in this process': local }))
  for (const [way, called] of Object.entries(ways))
    t.test(`${way}, ${kind}`, async t => {
      const { name, message, stack } = await rejection(called(caller))
      const [head, ...frames] = stack!.split('\n')
      t.equal(head, `${name}: ${message}`)
      t.match(frames[way === 'Promise.all' ? 1 : 0], /^ {4}at async called .*caller-stack\.test\.[jt]s:\d+:\d+\)$/)
      t.notMatch(stack, /nats-executor\/lib|dist\/lib/)
    })

t.test('a map, an observer and an executor', async t => {
  const nowhere = { connection: 'nats://127.0.0.1:1' }
  const client = newClient(t, server, nowhere)
  const observer = new Observer({ ...nowhere, timeout: 100 })
  t.teardown(() => observer.close())
  const signal = AbortSignal.timeout(100)
  const others: (() => Promise<unknown>)[] = [
    async function called() {
      for await (const _ of client.map([1], { signal }));
    },
    async function called() {
      await observer.executors()
    },
    async function called() {
      await newExecutor(t, server, { connection: refusing.url }).start()
    },
  ]
  for (const called of others) t.match((await rejection(called())).stack, /\n {4}at async called .*caller-stack\.test/)
})

t.test('where nobody awaits it, the stack is what it was', async t => {
  const error = await new Promise<Error>(resolve => {
    newClient(t, server).call(['throws', 'a text']).catch(resolve)
  })
  t.match(error.stack, /^ExecutionError: a text\n {4}at /)
})
