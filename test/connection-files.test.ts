// Credentials and certificates in files, as the `nats` command-line client takes them: they are used, told to nobody, and what is wrong
// with them is one line.
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Operator, nkeyUser } from './fixtures/jwt.js'
import { fixture } from './fixtures/library.js'
import { startServer } from './fixtures/nats-server.js'
import { run } from './fixtures/processes.js'

const tls = (name: string) => fileURLToPath(fixture(`tls/${name}.pem`))
/** Of localhost; it is its own authority. */
const [CERT, KEY] = [tls('cert'), tls('key')]
const operator = new Operator()
const user = nkeyUser()
const creds = operator.creds()
const SEED = /^SU[A-Z2-7]+$/m
const seedIn = (text: string) => SEED.exec(text)![0]
const folder = t.testdir({
  'my.creds': creds,
  'windows.creds': creds.trimEnd().replaceAll('\n', '\r\n'),
  'user.nk': `${user.seed}\n`,
  empty: '',
  text: 'sEcret\n',
  'no-seed.creds': creds.replace(SEED, 'SUSEcRET'),
  'account.nk': `${user.seed.replace('SU', 'SA')}`,
  // Of the last letter the lower bits mean nothing.
  'typo.nk': user.seed.replace(/.$/, letter => (letter === 'A' ? 'Q' : 'A')),
  'broken.pem': readFileSync(CERT, 'utf8').replace(/\n[^-]{40}/, '\nsEcret'),
  nats: {
    context: {
      'bad.json': '{ sEcret',
      'list.json': '["sEcret"]',
      'number.json': '{ "url": "nats://h:1", "user": "sEcret", "password": 12345 }',
      'urls.json': '{ "url": "http://a:sEcret@h:1" }',
      'inbox.json': '{ "inbox_prefix": "_X.*" }',
      'nsc.json': '{ "nsc": "nsc://sEcret" }',
      'mixed.json': '{ "url": "nats://h:1", "nkey": "/none", "user": "sEcret" }',
    },
  },
  'encrypted.pem': '-----BEGIN ENCRYPTED PRIVATE KEY-----\nsEcret\n-----END ENCRYPTED PRIVATE KEY-----\n',
})
const file = (name: string) => join(folder, name)
/** What the process of a slot can see of how it was started. */
const SEES = 'data:text/javascript,export default () => [process.env, process.argv, process.execArgv, process.title]'

const MTLS = `tls { cert_file: "${CERT}", key_file: "${KEY}", ca_file: "${CERT}", verify: true }`
const NKEY = `authorization { users: [ { nkey: ${user.publicKey} } ] }`
const cases: [title: string, config: string, args: string[], env: Record<string, string>, paths: string[]][] = [
  ['--creds', operator.config, ['--creds', file('my.creds')], {}, ['my.creds']],
  ['--creds of Windows', operator.config, ['--creds', file('windows.creds')], {}, ['windows.creds']],
  ['$NATS_CREDS', operator.config, [], { NATS_CREDS: file('my.creds'), NATS_CA: '' }, ['my.creds']],
  ['--nkey', NKEY, ['--nkey', file('user.nk')], {}, ['user.nk']],
  ['--nkey, whatever $NATS_CREDS is', NKEY, ['--nkey', file('user.nk')], { NATS_CREDS: file('none') }, ['user.nk']],
  ['$NATS_NKEY', NKEY, [], { NATS_NKEY: file('user.nk') }, ['user.nk']],
  ['--tls-…', MTLS, ['--tls-cert', CERT, `--tls-key=${KEY}`, '--tls-ca', CERT], {}, [CERT, KEY]],
  ['--tls…, as nats has it', MTLS, ['--tlscert', CERT, `--tlskey=${KEY}`, '--tlsca', CERT], {}, [CERT, KEY]],
  ['$NATS_CERT, $NATS_KEY, $NATS_CA', MTLS, [], { NATS_CERT: CERT, NATS_KEY: KEY, NATS_CA: CERT }, [CERT, KEY]],
]
for (const [title, config, args, env, paths] of cases)
  t.test(title, async t => {
    const server = await startServer(t, config)
    const connection = ['--servers', server.url.replace('127.0.0.1', 'localhost'), ...args]
    const executor = run(t, 'executor', [...connection, '--service', 'sees', SEES], env)
    await executor.line(/Awaiting/)
    const client = run(t, 'client', [...connection, '--service', 'sees', '1'], env)
    t.equal(await client.exit, 0, client.stderr.join('; '))
    for (const path of paths) t.notMatch(client.stdout[0], path)
    const status = run(t, 'status', connection, env)
    t.equal(await status.exit, 0, status.output)
    t.notMatch(client.output + executor.output, seedIn(creds))
    // Where one looks for what a process was told: its path at most.
    t.notMatch(readFileSync(`/proc/${executor.pid}/cmdline`, 'latin1'), /SU[A-Z2-7]{50}/)
  })

/** Contexts of the `nats` command: what is in one, which server wants it, and how it is named. */
const PASSWORD = 'authorization { user: alice, password: sEcret }'
const TOKEN = 'authorization { token: sEcret }'
const contexts: [title: string, config: string, context: object, args: string[], env: Record<string, string>][] = [
  ['--context with credentials', operator.config, { creds: file('my.creds'), token: '' }, ['--context', 'it'], {}],
  ['--context with a file of the home folder', NKEY, { nkey: '~/user.nk' }, ['--context', 'it'], { HOME: folder }],
  ['--context with a password', PASSWORD, { user: 'alice', password: 'sEcret' }, ['--context=it'], {}],
  ['--context with a token', TOKEN, { token: 'sEcret', description: 'it' }, ['--context=it'], { NATS_NKEY: 'none' }],
  ['--context with certificates', MTLS, { cert: CERT, key: KEY, ca: CERT }, ['--context=it'], {}],
  ['$NATS_CONTEXT', NKEY, { nkey: file('user.nk') }, [], { NATS_CONTEXT: 'it', NATS_CREDS: '' }],
  ['--context, and an option', NKEY, { nkey: 'none' }, ['--context', 'it', '--nkey', file('user.nk')], {}],
  ['$NATS_USER and $NATS_PASSWORD', PASSWORD, {}, ['--context=it'], { NATS_USER: 'alice', NATS_PASSWORD: 'sEcret' }],
  ['$NATS_USER alone is a token', TOKEN, {}, ['--context=it'], { NATS_USER: 'sEcret' }],
]
for (const [title, config, context, args, env] of contexts)
  t.test(title, async t => {
    const server = await startServer(t, config)
    const home = t.testdir({ nats: { context: {} } })
    const url = server.url.replace('127.0.0.1', 'localhost')
    writeFileSync(join(home, 'nats/context/it.json'), JSON.stringify({ url, inbox_prefix: '_I.ours', ...context }))
    // Who names a context does not mean another server.
    const isByOption = args.length > 0
    const variables = { XDG_CONFIG_HOME: home, ...(isByOption && { NATS_URL: 'nats://nowhere.invalid' }), ...env }
    const executor = run(t, 'executor', [...args, '--service', 'sees', '--inbox-prefixes', '_I.ours', SEES], variables)
    await executor.line(/Awaiting/)
    const client = run(t, 'client', [...args, '--service', 'sees', '1'], variables)
    t.equal(await client.exit, 0, client.stderr.join('; '))
    t.notMatch(client.output + executor.output, /sEcret/)
    t.notMatch(client.output, /"NATS_/)
  })

t.test('credentials that are renewed in time are used when the old ones expire', async t => {
  const server = await startServer(t, operator.config)
  const path = file('renewed.creds')
  writeFileSync(path, operator.creds(Math.ceil(Date.now() / 1000) + 4))
  const executor = run(t, 'executor', ['--servers', server.url, '--creds', path])
  await executor.line(/Awaiting/)
  writeFileSync(path, operator.creds())
  await executor.line(/connected again/)
  const client = run(t, 'client', ['--servers', server.url, '--creds', path, '10'])
  t.equal(await client.exit, 0, client.output)
  // A file that is just being written counts for nothing.
  writeFileSync(path, '')
  await server.kill()
  await server.start()
  await executor.line(/connected again/, 2)
})

t.test('a certificate that is renewed and whose key is not yet counts for nothing', async t => {
  const server = await startServer(t, MTLS)
  await server.stop()
  const [cert, key] = [file('pair-cert.pem'), file('pair-key.pem')]
  copyFileSync(CERT, cert)
  copyFileSync(KEY, key)
  const url = server.url.replace('127.0.0.1', 'localhost')
  const flags = ['--servers', url, '--tls-cert', cert, '--tls-key', key, '--tls-ca', CERT]
  const executor = run(t, 'executor', flags)
  await executor.line(/no nats-server yet/)
  copyFileSync(tls('address-cert'), cert)
  await server.start()
  await executor.line(/Awaiting/)
  await server.stop()
  await server.start()
  await executor.line(/connected again/)
})

mkdirSync(file('folder'))
copyFileSync(file('my.creds'), file('unreadable'))
chmodSync(file('unreadable'), 0)
const isRoot = process.getuid?.() === 0

const wrong: [args: string[], text: RegExp, env?: Record<string, string>][] = [
  [['--creds', file('none')], /--creds \S+none: no such file or directory \(/],
  [['--creds', file('folder')], /--creds \S+folder: illegal operation on a directory \(/],
  ...(isRoot ? [] : ([[['--creds', file('unreadable')], /permission denied/]] as [string[], RegExp][])),
  [['--creds', ''], /--creds : no such file or directory \(/],
  [['--creds', '/dev/zero'], /--creds \/dev\/zero: it has more than 1048576 bytes/],
  [['--creds', file('empty')], /--creds \S+empty: it has no credentials, a JWT and a seed as nsc writes them/],
  [['--creds', file('text')], /--creds \S+text: it has no credentials/],
  [['--creds', file('no-seed.creds')], /it has no credentials/],
  [['--creds', file('user.nk')], /it has no credentials/],
  [[], /\$NATS_CREDS \S+text: it has no credentials/, { NATS_CREDS: file('text') }],
  [['--nkey', file('empty')], /--nkey \S+empty: it has no seed of a user, such as SU…/],
  [['--nkey', file('account.nk')], /it has no seed of a user/],
  [['--nkey', file('typo.nk')], /it has no seed of a user/],
  [['--creds', file('my.creds'), '--nkey', file('user.nk')], /--creds or --nkey: a connection has one of them/],
  [[], /\$NATS_CREDS or \$NATS_NKEY: a/, { NATS_CREDS: file('my.creds'), NATS_NKEY: file('user.nk') }],
  [['--creds', file('my.creds'), '--servers', 'nats://a:sEcret@h'], /given twice: in the URL, and by --creds \(/],
  [[], /given twice: in the URL, and by \$NATS_NKEY/, { NATS_URL: 'sEcret@h', NATS_NKEY: file('user.nk') }],
  [['--tls-cert', CERT], /--tls-cert needs --tls-key, the private key of the certificate/],
  [['--tls-key', KEY], /--tls-key needs --tls-cert, the certificate of the key/],
  [[], /\$NATS_KEY needs --tls-cert/, { NATS_KEY: KEY }],
  [['--tls-cert', CERT, '--tls-key', tls('address-key')], /--tls-key \S+ is not the private key of \S+\/cert.pem/],
  [['--tls-cert', KEY, '--tls-key', CERT], /--tls-cert \S+key.pem: it has no certificate in PEM/],
  [['--tls-cert', CERT, '--tls-key', CERT], /--tls-key \S+cert.pem: it has no private key in PEM/],
  [['--tls-cert', CERT, '--tls-key', file('encrypted.pem')], /it is encrypted: give a key without a passphrase/],
  [['--tls-ca', file('empty')], /--tls-ca \S+empty: it has no certificate in PEM/],
  [['--tls-ca', file('broken.pem')], /a certificate in it cannot be read/],
  [
    ['--context', 'none'],
    /--context none: no such context in \S+context; there are bad, inbox, list, mixed, nsc, number, urls \(/,
  ],
  [['--context', ''], /--context : a context is given by its name/],
  [['--context', '../nats/context/bad'], /a context is given by its name/],
  [['--context', 'bad'], /--context bad: it is not JSON/],
  [['--context', 'list'], /--context list: it is no context/],
  [['--context', 'number'], /password of context number: it is no text/],
  [['--context', 'urls'], /expected `url of context urls` to be URLs like \S+ or .+, got "http:\/\/…@h:1"/],
  [['--context', 'inbox'], /expected `inbox_prefix of context inbox` to be a NATS subject without/],
  [[], /\$NATS_CONTEXT nsc: it has `nsc`, which is not known here/, { NATS_CONTEXT: 'nsc' }],
  [['--context', 'mixed'], /nkey of context mixed or user of context mixed: a connection has one of them/],
  [['--context', 'mixed', '--tls-key', KEY, '--creds', file('my.creds')], /--tls-key needs --tls-cert/],
  [['--servers', 'nats://a:sEcret@h', '--context', 'mixed', '--nkey', file('user.nk')], /in the URL, and by --nkey/],
  [['--tls-first=yes'], /--tls-first takes no value/],
]
const names = ['executor', 'client', 'status'] as const
// All of them read their options with the same code.
for (const [i, [args, text, env]] of wrong.entries())
  t.test(`wrong: ${args.map(arg => arg.replace(folder, '…')).join(' ')} ${Object.keys(env ?? {})}`, async t => {
    const name = names[i % names.length]!
    const command = run(t, name, name === 'client' ? [...args, '30'] : args, { XDG_CONFIG_HOME: folder, ...env })
    t.equal(await command.exit, 2, command.output)
    t.strictSame(command.stdout, [])
    t.equal(command.stderr.length, 1, command.output)
    t.match(command.stderr[0], text)
    t.match(command.stderr[0], new RegExp(`^${name}: .* \\(see ${name} --help\\)$`))
    t.notMatch(command.output, /sEcret/i)
    for (const secret of [seedIn(creds), user.seed]) t.notMatch(command.output, secret.slice(2, 20))
  })
