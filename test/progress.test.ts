// How far a computation is: told to whoever asks for it, not too often, wherever the request goes.
import { once } from 'node:events'
import { createInbox, headers } from 'nats'
import t from 'tap'
import { ProgressBar } from '../cmd/progress-bar.js'
import { fixture, newClient, startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const server = await startServer(t)
const module = fixture('service.mjs')
await startExecutor(t, server, { module, service: 'far', concurrency: 100, processes: 1 })
const client = newClient(t, server, { service: 'far' })
const nc = await connectTo(t, server)

t.test('as it goes, in order, and nothing after the result', async t => {
  const heard: number[] = []
  const onProgress = ({ done, total }: { done: number; total: number }) => void heard.push(done / total)
  t.equal(await client.call({ count: 5, ms: 150 }, { function: 'steps', onProgress }), 5)
  const { length } = heard
  t.ok(length >= 3, `${length} were heard`)
  t.strictSame(heard, heard.toSorted())
  await client.call(300, { function: 'wait' })
  t.equal(heard.length, length)
})

t.test('at most ten a second for each of a hundred requests', async t => {
  const counts: number[] = []
  const from = performance.now()
  const calls = Array.from({ length: 100 }, (_, i) => {
    counts[i] = 0
    return client.call({ count: 150, ms: 20 }, { function: 'steps', onProgress: () => void counts[i]!++ })
  })
  t.strictSame(await Promise.all(calls), Array(100).fill(150))
  const seconds = (performance.now() - from) / 1000
  const most = Math.max(...counts)
  t.ok(most <= 10 * seconds + 1, `${most} in ${seconds.toFixed(1)} s`)
  t.ok(Math.min(...counts) >= 3, 'and each is told of')
})

t.test('a function that never lets go of its process; what JSON cannot say', async t => {
  const heard: any[] = []
  const count = await client.call<number>(600, {
    function: 'hurries',
    onProgress: progress => void heard.push(progress),
  })
  t.ok(count > 100 && heard.length >= 2 && heard.length <= 8, `${heard.length} of ${count}`)
  t.strictSame(heard[0], { count: 1 })
})

t.test('not asked for: the reply is all that comes', async t => {
  const messages = async (head?: ReturnType<typeof headers>) => {
    const inbox = createInbox()
    const answers = nc.subscribe(inbox)
    nc.publish('far.steps', '{"count":5,"ms":110}', { reply: inbox, ...(head && { headers: head }) })
    const notices = []
    for await (const { headers, data } of answers) {
      notices.push(`${headers!.get('Notice')} ${Buffer.from(data)}`)
      if (headers!.get('Notice') === '') return notices
    }
    throw new Error('no reply')
  }
  t.strictSame(await messages(), [' 5'])
  const head = headers()
  head.set('Progress', '1')
  t.match(await messages(head), ['progress {"done":1,"total":5}', /^progress /])
})

t.test('more than the server takes is not sent, and nobody is blamed', async t => {
  const small = await startServer(t, 'max_payload: 4096')
  const source = 'export default (_, { progress }) => { progress("\u20ac".repeat(5000)); return "done" }'
  await startExecutor(t, small, { module: `data:text/javascript,${encodeURIComponent(source)}`, service: 'small' })
  const heard: unknown[] = []
  const onProgress = (progress: unknown) => void heard.push(progress)
  t.equal(await newClient(t, small, { service: 'small' }).call(1, { onProgress }), 'done')
  t.strictSame(heard, [])
})

t.test('a listener that throws disturbs nobody', async t => {
  const warned = once(process, 'warning')
  const onProgress = () => {
    throw new Error('on purpose')
  }
  t.equal(await client.call({ count: 2, ms: 150 }, { function: 'steps', onProgress }), 2)
  t.match(await warned, [{ message: 'on purpose' }])
})

t.test('through a transfer and the death of an executor', async t => {
  const args = ['--servers', server.url, '--service', 'goes', 'test/fixtures/service.mjs', '--log', 'json']
  const first = run(t, 'executor', args)
  await first.line(/"ready"/)
  const mine = newClient(t, server, { service: 'goes' })
  // The only slot is taken, so the request waits.
  const busy = mine.call(60_000, { function: 'wait' })
  busy.catch(() => {})
  await first.line(/"started"/)
  const heard: number[] = []
  const turn = new EventTarget()
  const result = mine.call(
    { count: 20, ms: 100 },
    {
      function: 'steps',
      onProgress: ({ done }) => {
        heard.push(done)
        turn.dispatchEvent(new Event('progress'))
      },
    },
  )
  const second = run(t, 'executor', args)
  await second.line(/"function":"steps"/)
  while (heard.length < 3) await once(turn, 'progress')
  second.kill('SIGKILL')
  const before = heard.length
  const third = run(t, 'executor', args)
  await third.line(/"function":"steps"/)
  t.equal(await result, 20)
  t.ok(heard.length >= before + 3, 'it goes on')
  t.ok(heard.slice(before).includes(heard.at(-1)!) && heard.at(-1)! > 10)
})

t.test('what hears it may fail, at once or later', async t => {
  const warnings: string[] = []
  const note = ({ message }: Error) => void warnings.push(message)
  process.on('warning', note)
  t.teardown(() => process.off('warning', note))
  const fails = () => {
    throw new Error('at once')
  }
  const failsLater = async () => {
    throw new Error('later')
  }
  for (const onProgress of [fails, failsLater])
    t.equal(await client.call({ count: 2, ms: 150 }, { function: 'steps', onProgress }), 2)
  t.ok(warnings.includes('at once') && warnings.includes('later'), warnings.join())
})

t.test('a bar on a terminal', t => {
  const written: string[] = []
  const out = { isTTY: true, columns: 64, write: (text: string) => void written.push(text) }
  const bar = new ProgressBar(out as any, 'far.steps', 1)
  // What takes more columns than it has letters is cut by the terminal, not wrapped.
  const drawn = (line: string) => `\r\u001b[K\u001b[?7l${line}\u001b[?7h`
  bar.set(0, 0.5)
  bar.set(0, { done: 1, total: 4, text: 'sharpening \u001b[31m' })
  bar.set(0, { done: 3, total: 4 })
  bar.set(0, 'just a text')
  bar.clear()
  bar.clear()
  t.strictSame(written, [
    drawn(' [~] far.steps ████████████░░░░░░░░░░░░ 50 %'),
    drawn(' [~] far.steps ██████░░░░░░░░░░░░░░░░░░ 25 % sharpening ·[31m'),
    drawn(' [~] far.steps ██████████████████░░░░░░ 75 % 3 of 4'),
    drawn(' [~] far.steps just a text'),
    '\r\u001b[K',
  ])
  for (const each of written) t.ok(each.length < drawn('').length + 64)
  const many = new ProgressBar({ ...out, columns: 30 } as any, 'far.steps', 4)
  many.set(0, 1)
  many.set(1, 1)
  t.match(written.at(-1), ' [~] far.steps █')
  t.equal(written.at(-1)!.length, drawn('').length + 29)
  const silent = new ProgressBar({ ...out, isTTY: false } as any, 'x', 1)
  silent.set(0, 1)
  t.match(written.at(-1), /far\.steps/)
  t.end()
})
