// Computations of a wide slot that are ended at the same time: the process is ended unless it has heard of each of them.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { mock } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Aborts } from '../lib/slots/aborts.js'
import { processorWaitMs } from '../lib/slots/processor-wait.js'
import { Room } from '../lib/slots/room.js'

/** Longer than the process may take to say that a signal has arrived, and a computation to end after that. */
const LATE_MS = 200

function wideSlot(hearAll: (aborts: Aborts<never>) => void = () => {}) {
  const room = new Room<never>(4)
  const tasks = [0, 1].map(number => ({ number, slot: { room }, ending: { code: 408, text: `end of ${number}` } }))
  for (const task of tasks) room.sent.push(task as never)
  const killed: string[] = []
  const leftAlone: unknown[] = []
  const process = { post() {}, waitedMs: 0, hearAll: () => hearAll(aborts), kill: (why: string) => killed.push(why) }
  const aborts: Aborts<never> = new Aborts(room, process as never, task => leftAlone.push(task))
  return { aborts, process, tasks: tasks as never[], killed, leftAlone }
}

t.test('it has heard of the first one alone', async t => {
  const { aborts, tasks, killed } = wideSlot()
  for (const task of tasks) aborts.start(task)
  aborts.arrived(0)
  await sleep(LATE_MS)
  t.strictSame(killed, ['end of 1'])
})

t.test('it has heard of both', async t => {
  const { aborts, tasks, killed, leftAlone } = wideSlot()
  for (const task of tasks) aborts.start(task)
  for (const number of [0, 1]) aborts.arrived(number)
  await sleep(LATE_MS)
  t.strictSame(killed, [])
  t.strictSame(leftAlone, tasks)
})

t.test('it has heard of one, and that was not read yet', async t => {
  let isRead = false
  const { aborts, tasks, killed, leftAlone } = wideSlot(aborts => {
    if (!isRead) aborts.arrived(0)
    isRead = true
  })
  aborts.start(tasks[0]!)
  await sleep(2 * LATE_MS)
  t.strictSame(killed, [])
  t.strictSame(leftAlone, [tasks[0]])
})

t.test('a process that was kept from running has as much more time, within bounds', t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  let now = 0
  const clock = mock.method(performance, 'now', () => now)
  t.teardown(() => {
    mock.timers.reset()
    clock.mock.restore()
  })
  /** When it is ended, if it has so much of each millisecond. */
  function endOf(share: number) {
    const { aborts, process, tasks, killed } = wideSlot()
    const from = now
    aborts.start(tasks[0]!)
    for (; killed.length === 0; now++, process.waitedMs += 1 - share) mock.timers.tick(1)
    return now - from
  }
  const whole = endOf(1)
  const half = endOf(0.5)
  t.ok(half > 1.8 * whole && half <= 2 * whole, `${whole} and ${half} ms`)
  t.ok(Math.abs(endOf(0) - 3 * whole) < 10)
  t.end()
})

t.test('how long a process was kept from running', async t => {
  t.equal(processorWaitMs(undefined), 0)
  if (!existsSync('/proc/self/schedstat')) return
  const loops = Array.from({ length: 2 * availableParallelism() + 1 }, () =>
    spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  )
  t.teardown(() => loops.forEach(loop => loop.kill('SIGKILL')))
  while (loops.some(({ pid }) => processorWaitMs(pid) < 20)) await sleep(10)
  t.pass('all of them were')
})
