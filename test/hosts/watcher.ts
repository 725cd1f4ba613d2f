// Somebody else on the network: subscribes to everything and, where the server has JetStream, keeps a stream of what executors
// say among themselves. `node watcher.js SERVERS`
import { setTimeout as sleep } from 'node:timers/promises'
import { RetentionPolicy, StorageType, connect } from 'nats'

const STREAM_MS = 20_000
const STREAM = {
  name: 'EXEC',
  subjects: ['_EXEC.>'],
  storage: StorageType.Memory,
  retention: RetentionPolicy.Limits,
  max_bytes: 16 * 2 ** 20,
}

const nc = await connect({ servers: process.argv[2]!.split(','), maxReconnectAttempts: -1 })
nc.subscribe('>', { callback: () => {} })
await nc.flush()
// A cluster takes a while until it has a leader for streams.
for (const until = Date.now() + STREAM_MS; ; await sleep(250)) {
  try {
    await (await nc.jetstreamManager({ timeout: 1000 })).streams.add(STREAM)
    break
  } catch (error) {
    if (Date.now() < until) continue
    throw error
  }
}
process.stdout.write('watching\n')
