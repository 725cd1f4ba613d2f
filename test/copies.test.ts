// Copies of plain requests, on a real server, with keepers that are there or not.
import t from 'tap'
import { Copies } from '../lib/executor/copies.js'
import { newJob } from '../lib/executor/job.js'
import { Post } from '../lib/executor/post.js'
import { type Request, parseRequest } from '../lib/protocol/request.js'
import { connectTo, startServer } from './fixtures/nats-server.js'

t.test('a copy that nobody gets goes to another keeper at once; who comes back is told of the end', async t => {
  const server = await startServer(t)
  const nc = await connectTo(t, server)
  const post = new Post(nc, false, [], () => {})
  let keeper = 'gone'
  const copies = new Copies({
    executorId: 'holder',
    post,
    maxBytes: 1000,
    peer: id => `peer.${id}`,
    keeper: () => keeper,
    answerMs: () => 10,
    lost: () => {},
  })
  const others = await connectTo(t, server)
  const came = others.subscribe('peer.there', { max: 1, timeout: 20_000 })
  const request = parseRequest(undefined, Buffer.from('1'), ['_INBOX.mine'], 0) as Request
  const at = performance.now()
  copies.place(newJob(request, 'ticket'))
  keeper = 'there'
  for await (const { headers } of came) t.equal(headers?.get('Ticket'), 'ticket')
  // One that does not ask is given up after 2.5 s and more.
  t.ok(performance.now() - at < 2400)
  // It may have been away, and have copies from before.
  const back = others.subscribe('peer.gone', { max: 1, timeout: 20_000 })
  await others.flush()
  copies.close()
  for await (const message of back) t.strictSame(message.json(), { leaves: 'holder' })
  await post.close()
})
