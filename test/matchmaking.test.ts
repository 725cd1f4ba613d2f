// A matchmaker lives on while executors come and go: nothing stays of those that have gone.
import t from 'tap'
import { Matchmaking } from '../lib/executor/matchmaking.js'
import type { Post } from '../lib/executor/post.js'
import { Subjects } from '../lib/protocol/subjects.js'

t.test('of a hundred holders of requests that came and fell silent nothing is left', async t => {
  let tokens = 0
  const inbox = {
    reserve: () => String(++tokens),
    forget: () => void tokens--,
    replySubject: (token: string) => token,
  }
  let orders = 0
  const matchmaking = new Matchmaking({
    executorId: 'own',
    post: { inbox, subscribe: () => ({}), end: () => Promise.resolve() } as unknown as Post,
    subjects: new Subjects('_EXEC', 'executors', 'acts'),
    send: () => void orders++,
    answered: () => {},
    ordered: () => {},
    met: () => {},
    changed: () => {},
  })
  for (let i = 0; i < 100; i++) {
    const now = i * 3000
    matchmaking.report({ id: 'own', n: i + 1, full: true, slots: 1, free: 1 }, now)
    const tickets: [string, number, number][] = [[`ticket${i}`, 100, 0]]
    matchmaking.report({ id: `holder${i}`, n: 1, full: true, slots: 1, free: 0, meanMs: 1000, tickets }, now)
    matchmaking.giveOrders(now)
  }
  t.equal(orders, 100)
  t.ok(tokens < 10, `${tokens} are left`)
})
