// A request may have thousands of headers. While it waits they are gone through once, however often somebody looks at it: else a few of
// them would keep an executor busy.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Msg, headers } from 'nats'
import t from 'tap'
import { newJob } from '../lib/executor/job.js'
import { fits, readTransfer, transferLines } from '../lib/executor/transfer-message.js'
import { type Request, parseRequest } from '../lib/protocol/request.js'
import { RawHeaders } from '../lib/protocol/raw-headers.js'
import { isSmall } from '../lib/slots/room.js'
import { Gate } from './fixtures/gate.js'
import { startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

function jobWith(headers: number, bodyBytes = 2) {
  const lines = Array.from({ length: headers }, (_, i) => `${i.toString(36)}:\r\n`).join('')
  const raw = new RawHeaders(`NATS/1.0\r\n${lines}\r\n`)
  const request = parseRequest(raw, new Uint8Array(bodyBytes), ['_INBOX.a.1'], 0) as Request
  let looks = 0
  const watched = new Proxy(request.headers!, {
    ownKeys(target) {
      looks++
      return Reflect.ownKeys(target)
    },
  })
  return { job: newJob({ ...request, headers: watched }), looks: () => looks }
}

t.test('whether it may be transferred', async t => {
  const { job, looks } = jobWith(2600)
  for (let i = 0; i < 100; i++) t.ok(fits(job, 2 ** 20))
  t.equal(looks(), 1)
  t.notOk(fits(job, 12_000), 'they count')
  t.notOk(fits(jobWith(1, 2 ** 20).job, 2 ** 20))
})

t.test('whether it may be sent ahead', async t => {
  const { job, looks } = jobWith(2600)
  for (let i = 0; i < 100; i++) t.notOk(isSmall(job))
  t.equal(looks(), 1)
  const few = jobWith(3)
  for (let i = 0; i < 100; i++) t.ok(isSmall(few.job))
  t.equal(few.looks(), 1)
  t.notOk(isSmall(jobWith(3, 2 ** 13).job))
})

t.test('what is kept of a request that is over does not keep them', async t => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const used = () => {
    collect()
    return process.memoryUsage().heapUsed / 1e6
  }
  const lines = (n: number) => `Request-Id: ${`${n}`.padStart(21, 'i')}\r\nRequest-Key: ${`${n}`.padStart(21, 'k')}\r\n`
  const requestOf = (n: number) =>
    parseRequest(
      new RawHeaders(Buffer.from(`NATS/1.0\r\n${lines(n)}X: ${'x'.repeat(16_000)}\r\n\r\n`).toString()),
      new Uint8Array(0),
      [`_INBOX.client.${`${n}`.padStart(21, 'i')}`],
      0,
    ) as Request
  function transferOf(n: number): Request {
    const text = Buffer.from(`NATS/1.0\r\n${transferLines(newJob(requestOf(n), 'ticket'))}\r\n`)
    const message = { _msg: { hdr: text.length }, _rdata: text, data: new Uint8Array(0) }
    return readTransfer(message as unknown as Msg, () => true)!.job
  }
  const grows = (make: (n: number) => Request) => {
    const before = used()
    const kept = Array.from({ length: 2000 }, (_, n) => {
      const { id, key, replyTo } = make(n)
      return [id, key, ...replyTo]
    })
    const more = used() - before
    t.ok(more < 8, `${more.toFixed(1)} MB more with parts of ${kept.length} requests of 16 kB`)
  }
  grows(requestOf)
  grows(transferOf)
})

t.test('with as many as may be a request goes to a free executor, and has a copy', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const most = headers()
  // 16 KiB, of which the names and ends take some.
  most.set('Request-Id', 'a')
  most.set('X', 'x'.repeat(2 ** 14 - 'NATS/1.0\r\nRequest-Id: a\r\nX: \r\n\r\n'.length))
  const busy = await startExecutor(t, server)
  const gate = new Gate(t)
  nc.publish('acts', JSON.stringify(['gate', gate.name]), { reply: '_INBOX.nobody.1' })
  await gate.heard('here')
  const hold = `_EXEC.hold.acts.${busy.id}`
  const answer = nc.request(hold, '["echo",1]', { headers: most, timeout: 20_000 })
  const free = await startExecutor(t, server)
  t.equal((await answer).headers?.get('Executor-Id'), free.id)

  const another = new Gate(t)
  nc.publish('acts', JSON.stringify(['gate', another.name]), { reply: '_INBOX.nobody.2' })
  await another.heard('here')
  const lost = nc.request(hold, '["echo",2]', { headers: most, timeout: 20_000 })
  // The other one keeps copies of what is computed here, and of this.
  for await (const { data } of nc.subscribe(`_EXEC.peer.executors.acts.${busy.id}`))
    if (/^\{"keys":\["[^"]+","/.test(Buffer.from(data).toString())) break
  gate.open()
  t.equal((await lost).string(), '2')
  another.open()
})

t.test('what is no transfer is nothing for its receiver, which goes on to get others', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const { id } = await startExecutor(t, server)
  const transfer = headers()
  transfer.set('Dispatch', 'transfer')
  const peer = `_EXEC.peer.executors.acts.${id}`
  const answer = await nc.request(peer, '["echo",1]', { headers: transfer, timeout: 20_000 })
  t.equal(answer.headers?.get('Dispatch'), 'unfit')
})
