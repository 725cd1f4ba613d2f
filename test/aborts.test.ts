// Computations of a wide slot that are ended at the same time: the process is ended unless it has heard of each of them.
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Aborts } from '../lib/slots/aborts.js'
import { Room } from '../lib/slots/room.js'

/** Longer than the process may take to say that a signal has arrived, and a computation to end after that. */
const LATE_MS = 200

function wideSlot(hearAll: (aborts: Aborts<never>) => void = () => {}) {
  const room = new Room<never>(4)
  const tasks = [0, 1].map(number => ({ number, slot: { room }, ending: { code: 408, text: `end of ${number}` } }))
  for (const task of tasks) room.sent.push(task as never)
  const killed: string[] = []
  const leftAlone: unknown[] = []
  const process = { post() {}, hearAll: () => hearAll(aborts), kill: (why: string) => killed.push(why) }
  const aborts: Aborts<never> = new Aborts(room, process as never, task => leftAlone.push(task))
  return { aborts, tasks: tasks as never[], killed, leftAlone }
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
