// A web server that has its answers computed by the service `images`. Who leaves before the answer ends the computation.
import { createServer } from 'node:http'
import { ExecutorClient, RequestError } from 'nats-executor'

const client = new ExecutorClient({ service: 'images', timeout: 10_000 })
const images = client.functions<typeof import('./images.mjs')>()

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  const left = new AbortController()
  response.on('close', () => left.abort())
  const { signal } = left
  const given = (name: string) => searchParams.get(name) ?? ''
  try {
    if (pathname === '/mix') {
      const color = await images.mix({ from: given('from'), to: given('to') }, { signal })
      response.setHeader('Content-Type', 'application/json').end(JSON.stringify({ color }))
    } else if (pathname === '/gradient') {
      const pixels = await images.gradient(
        { width: Number(given('width')), height: Number(given('height')) },
        { signal },
      )
      response.setHeader('Content-Type', 'application/octet-stream').end(pixels)
    } else response.writeHead(404).end()
  } catch (error) {
    if (signal.aborted) return
    // The codes of errors are those of HTTP, where 408 would be the browser's fault.
    const code = error instanceof RequestError ? error.code : 500
    response.writeHead(code === 408 ? 504 : code, { 'Content-Type': 'text/plain' }).end(`${(error as Error).message}\n`)
  }
})

server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () => {
  const address = server.address() as { port: number }
  console.log(`try http://127.0.0.1:${address.port}/mix?from=%23ff0000&to=%23ffffff`)
})
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    server.close()
    server.closeAllConnections()
    void client.close()
  })
