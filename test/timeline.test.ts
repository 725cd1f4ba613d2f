import t from 'tap'
import { timeline } from '../cmd/demo-timeline.js'

const WIDTH = 60
const NAMES = ['executor 1', 'executor 2']

t.test('a bar begins with its label and is as long as its share of the time', async t => {
  const lines = timeline(
    NAMES,
    [
      { executor: 0, label: '34', start: 1000, end: 1100 },
      { executor: 1, label: '35', start: 1000, end: 1200 },
    ],
    { width: WIDTH },
  ).split('\n')
  t.match(lines[0], /^executor 1 │34█+$/)
  t.equal(lines[1], `executor 2 │35${'█'.repeat(WIDTH - 'executor 2 │35'.length)}`)
  t.equal(count(lines[0]) + 2, Math.round((count(lines[1]) + 2) / 2))
  t.match(lines[3], /^ +0 ms +50 +100 +150/)
})

t.test('short computations keep their labels, apart from each other and inside the width', async t => {
  const computations = [0, 400, 401, 402].map((start, i) => ({
    executor: 0,
    label: String(28 + i),
    start,
    end: start + 1,
  }))
  const [row = ''] = timeline(NAMES, computations, { width: WIDTH }).split('\n')
  t.match(row, /│28 +29 30 31$/)
  t.equal(row.length, WIDTH)
})

t.test('an executor without work has an empty row', async t => {
  const lines = timeline(NAMES, [{ executor: 1, label: '30', start: 5, end: 6 }], { width: WIDTH }).split('\n')
  t.equal(lines[0], 'executor 1 │')
})

t.test('paint is called with each bar and its row', async t => {
  const lines = timeline(NAMES, [{ executor: 1, label: '30', start: 5, end: 6 }], {
    width: WIDTH,
    paint: (text, executor) => `<${executor}:${text}>`,
  }).split('\n')
  t.match(lines[1], /^executor 2 │<1:30█+>$/)
})

function count(line = ''): number {
  return line.split('█').length - 1
}
