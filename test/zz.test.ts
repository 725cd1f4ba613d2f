import t from 'tap'
import { Gate } from './fixtures/gate.js'
import { newClient, startExecutor, statistics } from './fixtures/library.js'
import { connectTo, startServer } from './fixtures/nats-server.js'
t.test('x', async t => {
  const server = await startServer(t)
  const busy = await startExecutor(t, server)
  const client = newClient(t, server)
  const nc = await connectTo(t, server)
  const w = await connectTo(t, server)
  const t0 = performance.now()
  w.subscribe('>', {
    callback: (_, m) =>
      console.error(
        (performance.now() - t0).toFixed(1),
        m.subject.slice(0, 60),
        '<-',
        (m.reply ?? '').slice(-30),
        m.headers
          ? [...m.headers]
              .map(([a, b]) => a + '=' + b)
              .join(' ')
              .slice(0, 200)
          : '',
        m.string().slice(0, 160),
      ),
  })
  await w.flush()
  const gate = new Gate(t)
  const long = client.request(['gate', gate.name])
  await gate.heard('here')
  const waiting = [1, 2, 3].map(i => client.request(['echo', i]))
  while ((await statistics(nc)).backlog < 3);
  const free = await startExecutor(t, server)
  const x = await Promise.race([Promise.all(waiting), new Promise(r => setTimeout(r, 4000, 'late'))])
  console.error('RESULT', x, busy.id, free.id)
  gate.open()
  await long
})
