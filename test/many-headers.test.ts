// A request may have thousands of headers. While it waits they are gone through once, however often somebody looks at it: else a few of
// them would keep an executor busy.
import t from 'tap'
import { newJob } from '../lib/executor/job.js'
import { fits } from '../lib/executor/transfer-message.js'
import { type Request, parseRequest } from '../lib/protocol/request.js'
import { RawHeaders } from '../lib/protocol/raw-headers.js'
import { isSmall } from '../lib/slots/room.js'

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
