// The option `connection` is checked where it enters; what it has of credentials is in no message.
import { Executor, ExecutorClient } from 'nats-executor'
import t from 'tap'
import { startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const Classes = [Executor, ExecutorClient] as (new (options: { connection: any }) => unknown)[]
const URLS = /^expected `(servers|\$NATS_URL)` to be URLs like nats:\/\/host:4222 or tls:\/\/host/
const SECRET = /s3cret|pa55/

const refused: [connection: unknown, name: 'TypeError' | 'RangeError', message: RegExp][] = [
  [null, 'TypeError', /^expected `connection` to be a NatsConnection, options of nats\.js or URLs, got null$/],
  [7, 'TypeError', /`connection`.*got number$/],
  [Promise.resolve({}), 'TypeError', /`connection`.*got a promise: await it$/],
  [new URL('nats://alice:s3cret@h'), 'TypeError', /`connection`.*got object$/],
  [new Map([['servers', 'h']]), 'TypeError', /`connection`/],
  [{ url: 'nats://h' }, 'TypeError', /^unknown option `connection\.url`; known are .*servers/],
  [{ servers: 'h', sevrers: 'h' }, 'TypeError', /^unknown option `connection\.sevrers`/],
  [{ publish: () => {} }, 'TypeError', /^unknown option `connection\.publish`/],
  [{ servers: [] }, 'RangeError', URLS],
  [{ servers: null }, 'TypeError', /^expected `servers` to be a URL or an array of URLs/],
  [{ servers: ['h', 7] }, 'TypeError', /^expected `servers` to be a URL or an array of URLs, got string,number$/],
  [
    { servers: 'h', port: 4222 },
    'TypeError',
    /^expected one of `connection\.servers` and `connection\.port`, got both$/,
  ],
  [{ port: 65_536 }, 'RangeError', /^expected `connection\.port` to be from 1 to 65535, got 65536$/],
  [{ timeout: 0 }, 'RangeError', /^expected `connection\.timeout` to be from 1 to 2147483647, got 0$/],
  [{ timeout: '5s' }, 'TypeError', /^expected `connection\.timeout` to be a number, got string$/],
  [{ pingInterval: NaN }, 'RangeError', /`connection\.pingInterval`/],
  [{ name: 7 }, 'TypeError', /^expected `connection\.name` to be a string, got number$/],
  [{ reconnect: 'no' }, 'TypeError', /^expected `connection\.reconnect` to be a boolean, got string$/],
  ['nats://alice:s3cret@a,nats://alice:pa55@b', 'RangeError', /same credentials.*got "nats:\/\/…@b"$/],
  [['nats://alice:s3cret@a', 'nats://s3cret@b'], 'RangeError', /same credentials/],
  [{ servers: 'nats://alice:s3cret@a', user: 'bob' }, 'TypeError', /^expected credentials in the URL or in options/],
  [{ servers: 'nats://s3cret@a', token: 'pa55' }, 'TypeError', /^expected credentials in the URL or in options/],
  [{ servers: 'tls://h', tls: null }, 'TypeError', /`connection\.tls: null` with a URL tls:/],
]

/** Texts that name no server. */
const WRONG = [
  '',
  ' ',
  ',',
  'h,',
  'http://x',
  'http://alice:s3cret@x',
  'ws://x:80',
  'wss://alice:s3cret@x',
  'unix:///run/nats',
  'nats://',
  'nats://alice:s3cret@',
  'nats://@h',
  'nats://:s3cret@h',
  'nats://alice:s3cret',
  'nats://alice:s3,cret@h:1x',
  'nats://alice:s3cret%@h',
  'nats://h/path',
  'nats://h?tls',
  'nats://a b',
  'nats://h:',
  'nats://h:0',
  'nats://h:65536',
  'nats://h:-1',
  'nats://h:4222:4222',
  'nats://[::1',
  '::1',
]

const WRONG_HERE = ['', ',', 'nats://a b', 'wss://alice:s3cret@x', 'nats://h:65536', 'nats://alice:s3,cret@h:1x']

for (const Class of Classes) {
  for (const [connection, name, message] of [
    ...refused,
    ...WRONG.map(text => [text, 'RangeError', URLS] as const),
    ...WRONG.map(text => [{ servers: ['nats://h', text] }, 'RangeError', URLS] as const),
  ])
    t.test(`${Class.name} and ${JSON.stringify(connection)}`, async t => {
      const thrown = (() => {
        try {
          return new Class({ connection })
        } catch (error) {
          return error as Error
        }
      })()
      t.match(thrown, { name, message })
      t.notMatch((thrown as Error).message, SECRET)
      t.notMatch((thrown as Error).message, /\n/)
    })

  for (const connection of [
    undefined,
    {},
    Object.create(null),
    'h',
    'h:4222, nats://i/',
    ['TLS://h', 'nats://[::1]:4222'],
    { port: 4222 },
    { servers: undefined, user: undefined, timeout: 100, maxReconnectAttempts: -1, tls: null },
  ])
    t.doesNotThrow(() => new Class({ connection }), JSON.stringify(connection))
}

t.test('connection: { port }', async t => {
  const server = await startServer(t)
  const executor = new Executor({ connection: { port: server.port } })
  t.teardown(() => executor.stopNow())
  await executor.start()
  t.strictSame(await server.connections(), ['executor fibonacci'])
})

for (const name of ['client', 'executor'] as const)
  t.test(`cmd/${name}`, async t => {
    const more = name === 'client' ? ['30'] : []
    const commands = [
      ...WRONG_HERE.map(text => run(t, name, ['--servers', text, ...more])),
      ...WRONG_HERE.slice(1).map(text => run(t, name, more, { NATS_URL: text })),
      run(t, name, ['nats://alice:s3cret@h']),
      run(t, name, ['--service', 'nats://alice:s3cret@h *', ...more]),
    ]
    for (const command of commands) {
      t.equal(await command.exit, 2, command.output)
      t.strictSame(command.stdout, [])
      t.equal(command.stderr.length, 1, command.output)
      t.match(command.output, new RegExp(`^${name}: .* \\(see ${name} --help\\)$`))
      t.notMatch(command.output, SECRET)
    }
  })
