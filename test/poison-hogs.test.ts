// A request that takes all the memory, or for ever, costs itself an error and nobody else anything.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { type Poison, costsOnlyItself } from './fixtures/innocents.js'
import { startServer } from './fixtures/nats-server.js'

const server = await startServer(t)
const fifo = join(t.testdir({}), 'fifo')
execFileSync('mkfifo', [fifo])

const memory: Poison[] = [
  [['array'], 'ExecutionError', /memory/],
  [['map'], 'ExecutionError', /memory/],
  [['fill'], 'ExecutionError', /memory/],
  [['buffers'], 'ExecutionError', /^the function used \d+ MiB of memory: the limit is 256 MiB$/],
]
// How long it takes until the memory is full depends on the machine.
for (const poison of memory) t.test(JSON.stringify(poison[0]), t => costsOnlyItself(t, server, poison, [], 10_000))

const time: Poison[] = [
  [['loop'], 'DeadlineExceededError', /time limit of 1000 ms/],
  [['execSync'], 'DeadlineExceededError', /time limit of 1000 ms/],
  [['pbkdf2'], 'DeadlineExceededError', /time limit of 1000 ms/],
  [['fifo', fifo], 'DeadlineExceededError', /time limit of 1000 ms/],
]
for (const poison of time)
  t.test(JSON.stringify(poison[0]).slice(0, 10), t => costsOnlyItself(t, server, poison, ['--time-limit', '1'], 1000))
