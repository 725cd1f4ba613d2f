// What ADR-32 says that a service answers to PING, INFO and STATS.
import { RequestStrategy } from 'nats'
import t from 'tap'
import { startExecutor } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

const SEMVER = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/

const server = await startServer(t)
const executor = await startExecutor(t, server, { service: 'acts.of.tests' })
const nc = await connectTo(t, server)
const name = 'acts_of_tests'

const ask = async (subject: string) => (await nc.request(subject, '', { timeout: 10_000 })).json<any>()

for (const verb of ['PING', 'INFO', 'STATS'])
  for (const suffix of ['', `.${name}`, `.${name}.${executor.id}`])
    t.test(`$SRV.${verb}${suffix.replace(executor.id, 'ID')}`, async t => {
      const answer = await ask(`$SRV.${verb}${suffix}`)
      t.equal(answer.type, `io.nats.micro.v1.${verb.toLowerCase()}_response`)
      t.equal(answer.name, name)
      t.match(answer.name, /^[A-Za-z0-9_-]+$/)
      t.equal(answer.id, executor.id)
      t.match(answer.version, SEMVER)
      for (const value of Object.values(answer.metadata)) t.type(value, 'string')
    })

t.test('INFO describes the endpoint', async t => {
  const { description, endpoints } = await ask('$SRV.INFO')
  t.type(description, 'string')
  t.strictSame(endpoints, [{ name, subject: 'acts.of.tests', queue_group: 'executors', metadata: {} }])
})

t.test('STATS of an executor that has done nothing', async t => {
  const { started, endpoints } = await ask('$SRV.STATS')
  t.match(started, ISO)
  t.equal(endpoints.length, 1)
  const { data, ...endpoint } = endpoints[0]
  t.type(data, 'object')
  t.strictSame(endpoint, {
    name,
    subject: 'acts.of.tests',
    queue_group: 'executors',
    num_requests: 0,
    num_errors: 0,
    last_error: '',
    processing_time: 0,
    average_processing_time: 0,
  })
})

t.test('others are not meant', async t => {
  await t.rejects(ask('$SRV.PING.other'), { code: '503' })
  await t.rejects(ask(`$SRV.PING.${name}.other`), { code: '503' })
})

t.test('every executor answers', async t => {
  const second = await startExecutor(t, server, { service: 'acts.of.tests' })
  const ids: string[] = []
  const options = { strategy: RequestStrategy.Count, maxMessages: 2, maxWait: 10_000 }
  for await (const reply of await nc.requestMany('$SRV.PING', '', options)) ids.push(reply.json<any>().id)
  t.strictSame(ids.toSorted(), [executor.id, second.id].toSorted())
})
