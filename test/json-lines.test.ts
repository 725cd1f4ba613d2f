// Arguments in a stream of JSON, however it is cut into pieces, written over lines, or damaged.
import t from 'tap'
import { readJsonLines } from '../cmd/json-lines.js'
import { seededRandom } from '../dev/random.js'

const MOST = 100_000

async function read(text: string | Buffer, cut: (left: number) => number = left => left) {
  const bytes = Buffer.from(text as string)
  async function* pieces() {
    for (let at = 0; at < bytes.length;) {
      const to = at + cut(bytes.length - at)
      yield bytes.subarray(at, to)
      at = to
    }
  }
  const all = []
  for await (const each of readJsonLines(pieces(), MOST)) all.push(each)
  return all
}

const cases: [title: string, text: string | Buffer, expected: object[]][] = [
  ['nothing', '', []],
  ['blank lines', '\n \r\n\n', []],
  [
    'lines',
    '1\n"a"\r\n\n[2]\n',
    [
      { line: 1, value: 1 },
      { line: 2, value: 'a' },
      { line: 4, value: [2] },
    ],
  ],
  [
    'no line end at the end',
    '1\n2',
    [
      { line: 1, value: 1 },
      { line: 2, value: 2 },
    ],
  ],
  ['a mark at the beginning', '\ufeff1\n', [{ line: 1, value: 1 }]],
  [
    'one over several lines',
    '{\n  "a": [\n    1\n  ]\n}\n5',
    [
      { line: 1, value: { a: [1] } },
      { line: 6, value: 5 },
    ],
  ],
  ['commas in front', '[1\n,2\n]', [{ line: 1, value: [1, 2] }]],
  [
    'brackets in texts',
    '["]\\"[",\n"}"]\n1',
    [
      { line: 1, value: [']"[', '}'] },
      { line: 3, value: 1 },
    ],
  ],
  [
    'no JSON',
    'a\n1\n1 2',
    [
      { line: 1, problem: /^an argument is JSON: / },
      { line: 2, value: 1 },
      { line: 3, problem: /JSON/ },
    ],
  ],
  [
    'a line that was cut off',
    '{"a": 1\n{"a":2}\n3',
    [
      { line: 1, problem: /not complete/ },
      { line: 2, value: { a: 2 } },
      { line: 3, value: 3 },
    ],
  ],
  [
    'one cut off in a text',
    '{"a": "x\n{"a":2}',
    [
      { line: 1, problem: /JSON/ },
      { line: 2, value: { a: 2 } },
    ],
  ],
  [
    'one without its end',
    '1\n[\n2',
    [
      { line: 1, value: 1 },
      { line: 2, problem: /not complete/ },
    ],
  ],
  [
    'one that is none',
    '[\n1,,\n]\n2',
    [
      { line: 1, problem: /^an argument is JSON: / },
      { line: 4, value: 2 },
    ],
  ],
  [
    'what is no UTF-8',
    Buffer.from([49, 10, 34, 255, 34, 10, 50]),
    [
      { line: 1, value: 1 },
      { line: 2, problem: 'it is not UTF-8' },
      { line: 3, value: 2 },
    ],
  ],
  ['one that grows for ever', `[\n${'1,\n'.repeat(60_000)}`, [{ line: 1, problem: /JSON/ }]],
]
for (const [title, text, expected] of cases)
  t.test(title, async t => {
    const all = await read(text)
    t.match(all.slice(0, expected.length), expected)
    if (!title.includes('for ever')) t.equal(all.length, expected.length)
    t.strictSame(await read(text, () => 1), all, 'byte by byte')
  })

t.test('a line without an end', async t => {
  t.ok(await read('1'.repeat(MOST)))
  await t.rejects(
    read(`1\n${'1'.repeat(MOST + 1)}`, left => Math.min(left, 1000)),
    /line 2 has more than 100000 bytes/,
  )
})

t.test('whatever is written is read', async t => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seededRandom(seed)
    const any = (most: number) => Math.floor(random() * most)
    const value = (depth: number): unknown => {
      const kind = any(depth > 0 ? 6 : 4)
      if (kind === 0) return any(1000) / 10
      if (kind === 1) return ['', '{', ']"[', '\n,\\', 'é€', ':'][any(6)]
      if (kind === 2) return [true, false, null][any(3)]
      if (kind === 3) return []
      const parts = Array.from({ length: any(4) }, () => value(depth - 1))
      return kind === 4 ? parts : Object.fromEntries(parts.map((part, i) => [`${i}"}`, part]))
    }
    const values = Array.from({ length: any(10) }, () => value(3))
    const text = values.map(each => JSON.stringify(each, undefined, any(3)) + '\n'.repeat(1 + any(2))).join('')
    const all = await read(text, left => 1 + any(Math.min(left, 40)))
    t.strictSame(
      all.map(({ value }) => value),
      values,
      `seed ${seed}`,
    )
  }
})
