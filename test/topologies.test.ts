// Executors and clients on servers that are no cluster: on a leaf node of another one, or in two clusters with gateways between them.
import t, { type Test } from 'tap'
import { freePorts } from './fixtures/cluster.js'
import { newClient } from './fixtures/library.js'
import { type Server, connectTo, startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

t.jobs = 2

const gateway = (name: string, own: number, otherName: string, other: number) =>
  `gateway { name: ${name}, listen: "127.0.0.1:${own}", gateways: [{ name: ${otherName}, url: "nats://127.0.0.1:${other}" }] }`
const topologies: [name: string, configurations: (ports: number[]) => [string, string]][] = [
  [
    'a hub and its leaf node',
    ([port]) => [
      `leafnodes { listen: "127.0.0.1:${port}" }`,
      `leafnodes { remotes: [{ url: "nats://127.0.0.1:${port}" }] }`,
    ],
  ],
  ['two clusters with gateways', ([a, b]) => [gateway('A', a!, 'B', b!), gateway('B', b!, 'A', a!)]],
]

const startExecutor = async (t: Test, server: Server) => {
  const executor = run(t, 'executor', ['--servers', server.url, 'test/fixtures/acts.mjs'])
  await executor.line(/Awaiting/)
  return executor
}

for (const [name, configurations] of topologies)
  for (const [from, to] of [
    [0, 1],
    [1, 0],
  ] as const)
    t.test(`${name}, from the ${from === 0 ? 'first' : 'second'} to the other`, async t => {
      const configured = configurations(await freePorts(2))
      const servers = [await startServer(t, configured[0]), await startServer(t, configured[1])]
      const far = await startExecutor(t, servers[to]!)
      const client = newClient(t, servers[from]!)
      const nc = await connectTo(t, servers[from]!)
      t.equal(await client.call(['echo', 1]), 1, 'nobody is near')

      await startExecutor(t, servers[from]!)
      // A server gives what it can to whom it knows itself, so these have to move.
      const ask = () => nc.request('acts', '["sleep",300]', { timeout: 20_000 })
      const counts = new Map<string, number>()
      for (const { headers } of await Promise.all(Array.from({ length: 8 }, ask))) {
        const id = headers!.get('Executor-Id')
        counts.set(id, (counts.get(id) ?? 0) + 1)
      }
      t.ok(counts.size === 2 && Math.min(...counts.values()) >= 3, `both compute: ${[...counts.values()]}`)

      const answers = Array.from({ length: 4 }, (_, i) => client.call(['sleep', 500 + i]))
      await far.line(/calling acts on \["sleep",50/)
      far.kill('SIGKILL')
      t.strictSame(await Promise.all(answers), [500, 501, 502, 503], 'and what one has is computed when it dies')
    })
