// Calls the service `images` like functions, with its types.
import { ExecutorClient, InvalidArgumentError } from 'nats-executor'

const client = new ExecutorClient({ service: 'images', timeout: 10_000 })
const images = client.functions<typeof import('./images.mjs')>()

const size = { width: 16, height: 10 }
const pixels = await images.gradient(size, { onProgress: share => console.log('progress', share) })
console.log('brightness', await images.brightness(await images.invert(pixels)))

const pairs = ['#ff0000', '#00ff00', 'blue'].map(from => ({ from, to: '#ffffff' }))
for await (const { argument, result, error } of images.mix.map(pairs))
  console.log(argument.from, error ? error.message : result)

try {
  await images.brightness(Uint8Array.of(1, 2, 3))
} catch (error) {
  if (!(error instanceof InvalidArgumentError)) throw error
  console.log('refused:', error.message)
}
await client.close()
