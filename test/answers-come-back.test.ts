// An answer to a client that is not back yet is sent until it is there, also where the server's word on an earlier attempt is read
// after a newer one.
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { newJob } from '../lib/executor/job.js'
import { Outbox } from '../lib/executor/outbox.js'
import type { Listener } from '../lib/nats/inbox.js'
import { type Request, parseRequest } from '../lib/protocol/request.js'

t.test('the answer to a flush is none to what was sent after it', async t => {
  const flushes: (() => void)[] = []
  const listeners = new Map<string, Listener>()
  let published = () => {}
  const inbox = {
    reserve(listener: Listener) {
      listeners.set(String(listeners.size), listener)
      return String(listeners.size - 1)
    },
    replySubject: (token: string) => `_INBOX.own.${token}`,
    forget: (token: string) => void listeners.delete(token),
  }
  const outbox = new Outbox({
    inbox,
    isOpen: true,
    nc: { flush: () => new Promise<void>(resolve => flushes.push(resolve)) },
    nobodyBeside: () => '_INBOX.nobody',
    publish: (subject: string) => subject === '_INBOX.away' && published(),
  } as never)
  t.teardown(() => outbox.close())
  const sent = () => new Promise<void>(resolve => (published = resolve))

  const request = parseRequest(undefined, Buffer.from('1'), ['_INBOX.away'], 1000) as Request
  outbox.connected(false)
  outbox.send(newJob(request), { body: Buffer.from('2'), lines: '', code: 0 } as never)
  const first = sent()
  outbox.connected(true)
  await first
  const [answer, probe] = [...listeners.values()] as [Listener, Listener]
  probe.onFailure({} as never, '')
  for (let attempt = 0; attempt < 3; attempt++) {
    const again = sent()
    answer.onFailure({} as never, '')
    await again
    flushes[0]!()
    await setImmediate()
    t.equal(outbox.delivering, 1)
  }
})
