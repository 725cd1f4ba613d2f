// Arguments and results that do not fit into the ring between the threads come through as well, in order.
import t from 'tap'
import { newClient, startExecutor } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
await startExecutor(t, server)
const client = newClient(t, server)

for (const size of [300, 340, 990, 1000, 1010, 1024, 1025, 3000, 100_000, 900_000])
  for (const letter of ['x', 'ä', '語', '😀']) {
    const text = letter.repeat(Math.floor(size / Buffer.byteLength(letter)))
    t.test(`${size} bytes of ${letter}`, async t => {
      t.equal(await client.call(['size', text]), text.length, 'as an argument')
      t.ok((await client.call(['echo', text])) === text, 'and back')
    })
  }

t.test('large ones and small ones at the same time', async t => {
  const texts = Array.from({ length: 300 }, (_, i) => `${i}:`.repeat(i % 7 === 0 ? 2000 : i))
  const results = await Promise.all(texts.map(text => client.call<string>(['echo', text])))
  t.ok(results.every((result, i) => result === texts[i]))
})

t.test('whatever JSON can say comes back the same', async t => {
  for (const value of [null, true, 0, -1.5e-7, '', '\u0000\n"\\', '\ud800', [], {}, { a: [{ b: null }] }])
    t.strictSame(await client.call(['echo', value]), value)
})
