// A source that is idle is freed when the loop is left, where that can be done.
import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { type MapOutcome, runLocally } from 'nats-executor'
import { fixture, rejection } from './fixtures/library.js'

const local = await runLocally(fixture('acts.mjs'), { execArgv: [], concurrency: 1 })
t.teardown(() => local.close())

const ITEM = ['echo', 1]

/** Each has one item, and then none, and a promise of its end. */
const IDLE: Record<string, () => { source: AsyncIterable<unknown>; ended: Promise<unknown> }> = {
  'a stream of Node': () => {
    const source = new PassThrough({ objectMode: true })
    source.write(ITEM)
    return { source, ended: once(source, 'close') }
  },
  'a stream of the web': () => {
    let cancel!: (why: unknown) => void
    const ended = new Promise(resolve => (cancel = resolve))
    return { source: new ReadableStream({ start: controller => controller.enqueue(ITEM), cancel }), ended }
  },
}

for (const [name, idle] of Object.entries(IDLE)) {
  for (const how of ['the loop is left', 'its signal is aborted'])
    t.test(`${name}: when ${how}`, async t => {
      const { source, ended } = idle()
      const controller = new AbortController()
      const run = async () => {
        for await (const _ of local.map(source, { signal: controller.signal })) {
          // The next step is awaited by now.
          await setImmediate()
          if (how === 'the loop is left') break
          controller.abort()
        }
      }
      if (how === 'the loop is left') await run()
      else t.equal((await rejection(run())).name, 'CancelledError')
      await ended
    })
}

t.test('an asynchronous generator hears of it when its step has come', async t => {
  let [wake, leave] = [() => {}, () => {}]
  const woken = new Promise<void>(resolve => (wake = resolve))
  const left = new Promise<void>(resolve => (leave = resolve))
  async function* source() {
    try {
      yield ITEM
      await woken
      yield ITEM
      t.fail('nobody wants more')
    } finally {
      leave()
    }
  }
  for await (const _ of local.map(source())) {
    await setImmediate()
    break
  }
  wake()
  await left
})

t.test('a stream that is read to its end, or fails, is as ever', async t => {
  const read = async (source: AsyncIterable<unknown>) => {
    const outcomes: MapOutcome[] = []
    for await (const outcome of local.map(source)) outcomes.push(outcome)
    return outcomes.map(({ result }) => result)
  }
  const items = Array.from({ length: 100 }, (_, i) => ['echo', i])
  const results = items.map(([, i]) => i)
  t.strictSame(await read(Readable.from(items)), results)
  const web = Readable.toWeb(Readable.from(items)) as ReadableStream<unknown>
  t.strictSame(await read(web), results)
  t.notOk(web.locked)
  const failing = new PassThrough({ objectMode: true })
  failing.destroy(new Error('on purpose'))
  t.equal((await rejection(read(failing))).message, 'on purpose')
  const refused = new ReadableStream({ start: controller => controller.error(new Error('on purpose')) })
  t.equal((await rejection(read(refused))).message, 'on purpose')
  t.match(await rejection(read(refused)), { message: 'on purpose' }, 'it is not locked')
})
