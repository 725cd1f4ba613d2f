// What people write who use NATS alone: a queue subscription whose callback answers; `echo`: with what it got.
import { connect } from 'nats'

const [servers, subject, kind] = process.argv.slice(2) as [string, string, string?]
const nc = await connect({ servers })
const answer = (data: Uint8Array) => (kind === 'echo' ? data : '1')
nc.subscribe(subject, { queue: 'bare', callback: (_, message) => void message.respond(answer(message.data)) })
await nc.flush()
process.send!('ready')
