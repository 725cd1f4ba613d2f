// What people write who use NATS alone: a queue subscription whose callback answers.
import { connect } from 'nats'

const [servers, subject] = process.argv.slice(2) as [string, string]
const nc = await connect({ servers })
nc.subscribe(subject, { queue: 'bare', callback: (_, message) => void message.respond('1') })
await nc.flush()
process.send!('ready')
