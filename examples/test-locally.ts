// Tests the service as its callers see it, without NATS: in processes of its own on this machine.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidArgumentError, runLocally } from 'nats-executor'

test('images', async t => {
  const local = await runLocally(new URL('images.mjs', import.meta.url), { concurrency: 2 })
  t.after(() => local.close())
  const images = local.functions<typeof import('./images.mjs')>()

  await t.test('bytes in, bytes out', async () => {
    assert.deepEqual([...(await images.invert(Uint8Array.of(0, 10, 255, 7)))], [255, 245, 0, 7])
  })

  await t.test('progress', async () => {
    const progress: number[] = []
    const pixels = await images.gradient({ width: 1, height: 4 }, { onProgress: done => progress.push(done) })
    assert.deepEqual(
      [...pixels].filter((_, i) => i % 4 === 0),
      [0, 64, 128, 192],
    )
    // The first comes at once; of the others ten a second at most, so the last may be missing.
    assert.equal(progress[0], 1 / 4)
  })

  await t.test('what is refused', async () => {
    await assert.rejects(images.brightness(Uint8Array.of(1, 2, 3)), InvalidArgumentError)
    await assert.rejects(images.mix({ from: 'blue', to: '#ffffff' }), {
      code: 400,
      details: { issues: [{ path: ['from'], message: 'expected #rrggbb' }] },
    })
  })

  await t.test('cancel', async () => {
    await assert.rejects(images.gradient({ width: 1, height: 500 }, { signal: AbortSignal.timeout(100) }), {
      code: 499,
    })
  })
})
