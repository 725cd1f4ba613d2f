// Frames come out as they went in, of whatever size, in whatever pieces they arrive, and whatever user code writes between them.
import t from 'tap'
import { seededRandom } from '../dev/random.js'
import { type Frame, FrameReader, FrameWriter, GARBAGE, Kind } from '../lib/slots/frames.js'

const SECRET = 0xfeedbeef
const FRAMES = 100_000
const LARGE = 2 ** 14
/** Lengths at which something changes, or may be thought to. */
const LENGTHS = [0, 1, 7, 100, 4000, LARGE - 1, LARGE, LARGE + 1, 40_000, 100_000]

interface Sent extends Pick<Frame, 'kind' | 'number' | 'extra' | 'id' | 'time' | 'until'> {
  body: Buffer
}

function writeAll(random: () => number, hasGarbage: boolean) {
  const whole = (below: number) => Math.floor(random() * below)
  const writer = new FrameWriter(SECRET)
  const sent: Sent[] = []
  const parts: Uint8Array[] = []
  for (let i = whole(20); i >= 0; i--) {
    const isLarge = random() < 0.05
    const length = isLarge ? LENGTHS[whole(LENGTHS.length)]! : whole(60)
    const text = String.fromCharCode(...Array.from({ length: Math.min(length, 50) }, () => 32 + whole(0x300)))
    const body = random() < 0.5 ? text : Buffer.alloc(length, 1 + whole(255))
    const id = random() < 0.5 ? '' : 'i'.repeat(random() < 0.01 ? whole(20_000) : whole(30))
    const frame = {
      kind: Kind.request,
      number: whole(2 ** 32),
      extra: whole(1000),
      id,
      time: random(),
      until: random(),
    }
    writer.add(frame.kind, frame.number, frame.extra, body, id, frame.time, frame.until)
    sent.push({ ...frame, body: Buffer.from(body as Buffer) })
    if (random() < 0.3) parts.push(...writer.take())
    if (!hasGarbage || random() < 0.8) continue
    parts.push(...writer.take(), Buffer.alloc(whole(random() < 0.1 ? 70_000 : 100), whole(256)))
  }
  return { sent, bytes: Buffer.concat([...parts, ...writer.take()]) }
}

/** Reads it in pieces, each in the same memory as the one before. */
function readAll(reader: FrameReader, bytes: Buffer, random: () => number): Frame[] {
  const scratch = Buffer.alloc(2 ** 16)
  const frames: Frame[] = []
  const most = random() < 0.3 ? scratch.length : 1 + Math.floor(random() * 3000)
  for (let at = 0; at < bytes.length;) {
    const read = bytes.copy(scratch, 0, at, at + 1 + Math.floor(random() * most))
    frames.push(...reader.read(scratch.subarray(0, read)))
    scratch.fill(0xaa)
    at += read
  }
  return frames
}

const isSame = (frame: Frame | undefined, { body, ...rest }: Sent) =>
  frame !== undefined &&
  frame.body.equals(body) &&
  Object.entries(rest).every(([name, value]) => frame[name as keyof Frame] === value)

for (const hasGarbage of [false, true])
  t.test(hasGarbage ? 'with bytes of others between them' : 'frames alone', async t => {
    const random = seededRandom(hasGarbage ? 2 : 1)
    const reader = new FrameReader(SECRET)
    for (let count = 0; count < FRAMES;) {
      const { sent, bytes } = writeAll(random, hasGarbage)
      const end: Sent = { kind: Kind.end, number: 1, extra: 0, id: '', time: 0, until: 0, body: Buffer.alloc(0) }
      const last = new FrameWriter(SECRET)
      // Bytes that are shorter than a frame's header are known for what they are when more has come.
      for (const isLast of [false, true]) last.add(end.kind, isLast ? 1 : 0)
      const frames = readAll(reader, Buffer.concat([bytes, ...last.take()]), random)
      if (!isSame(frames.pop(), end)) return t.fail('the last one is missing')
      frames.pop()
      const own = frames.filter(frame => frame !== GARBAGE)
      if (!hasGarbage && own.length < frames.length) return t.fail('a frame was taken for garbage')
      if (own.length !== sent.length) return t.fail(`${sent.length} frames were sent, ${own.length} came`)
      const wrong = own.findIndex((frame, i) => !isSame(frame, sent[i]!))
      if (wrong >= 0) return t.fail(`frame ${count + wrong} is another one than was sent`)
      count += sent.length
    }
    t.pass()
  })

t.test('large bytes have a buffer of their own, and are not copied to be written', async t => {
  const body = Buffer.alloc(LARGE, 1)
  const writer = new FrameWriter(SECRET)
  writer.add(Kind.request, 1, 0, body, 'id')
  const parts = writer.take()
  t.equal(parts.length, 2)
  t.equal(parts[1], body)
  const [frame] = new FrameReader(SECRET).read(Buffer.concat(parts))
  t.equal(frame!.body.buffer.byteLength, LARGE)
  t.equal(frame!.id, 'id')
})
