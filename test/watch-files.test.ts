// What an editor does to a file is one change.
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { FileWatcher } from '../cmd/watch-files.js'

/** What cannot be loaded is not waited for. */
const refuse = () => Promise.reject(new Error('refused'))

function watchFile(t: Test, load: () => Promise<unknown> = refuse) {
  const folder = t.testdir({ 'a.mjs': '1', 'other.mjs': '1', sub: {} })
  const told: unknown[] = []
  const watcher = new FileWatcher(
    async () => {
      told.push(1)
      await load()
    },
    (folder, error) => t.fail(`${folder}: ${error.message}`),
  )
  t.teardown(() => watcher.close())
  for (const name of ['a.mjs', 'other.mjs']) utimesSync(join(folder, name), 0, 0)
  watcher.add(join(folder, 'a.mjs'))
  return {
    watcher,
    file: (name: string) => join(folder, name),
    /** How many there are when there was one, and nothing more came for a while. */
    async changes() {
      while (told.length === 0) await sleep(5)
      await sleep(200)
      return told.splice(0).length
    },
    /** None is told, as far as one can wait for nothing. */
    async none() {
      await sleep(200)
      return told.length === 0
    },
  }
}

t.test('it is written twice', async t => {
  const { file, changes } = watchFile(t)
  writeFileSync(file('a.mjs'), '')
  writeFileSync(file('a.mjs'), '2')
  t.equal(await changes(), 1)
})

t.test('a new file takes its place, again and again', async t => {
  const { file, changes } = watchFile(t)
  for (const text of ['2', '3', '4']) {
    writeFileSync(file('a.mjs.tmp'), text)
    renameSync(file('a.mjs.tmp'), file('a.mjs'))
    t.equal(await changes(), 1)
  }
})

t.test('it is missing for a moment', async t => {
  const { file, changes, none } = watchFile(t)
  renameSync(file('a.mjs'), file('a.mjs~'))
  t.ok(await none())
  writeFileSync(file('a.mjs'), '2')
  t.ok(await changes())
})

t.test('it is deleted, and written later', async t => {
  const { file, changes } = watchFile(t)
  rmSync(file('a.mjs'))
  t.equal(await changes(), 1)
  writeFileSync(file('a.mjs'), '2')
  t.equal(await changes(), 1)
})

t.test('other files: a new one of its kind alone is a change', async t => {
  const { file, changes, none } = watchFile(t)
  writeFileSync(file('other.mjs'), '2')
  writeFileSync(file('notes.txt'), '1')
  writeFileSync(file('sub/b.mjs'), '1')
  t.ok(await none())
  writeFileSync(file('new.mjs'), '1')
  t.equal(await changes(), 1)
  writeFileSync(file('new.mjs'), '2')
  t.ok(await none())
})

t.test('a folder that comes later, and one that is made anew', async t => {
  const { watcher, file, changes } = watchFile(t)
  watcher.add(file('later/b.mjs'))
  mkdirSync(file('later'))
  t.equal(await changes(), 1)
  writeFileSync(file('later/b.mjs'), '1')
  t.equal(await changes(), 1)
  rmSync(file('later'), { recursive: true })
  t.equal(await changes(), 1)
  mkdirSync(file('later'))
  writeFileSync(file('later/b.mjs'), '1')
  t.equal(await changes(), 1)
  for (const text of ['2', '3']) {
    writeFileSync(file('later/b.mjs'), text)
    t.equal(await changes(), 1)
    rmSync(file('later'), { recursive: true })
    mkdirSync(file('later'))
    writeFileSync(file('later/b.mjs'), text)
    t.equal(await changes(), 1)
  }
})

t.test('another folder takes the place of one, or of one above it, or a link is set to it', async t => {
  const { watcher, file, changes } = watchFile(t)
  for (const folder of ['up/dist', 'up/next', 'new/dist']) {
    mkdirSync(file(folder), { recursive: true })
    writeFileSync(file(`${folder}/b.mjs`), '1')
    utimesSync(file(`${folder}/b.mjs`), 0, 0)
  }
  symlinkSync('new', file('link'))
  watcher.add(file('up/dist/b.mjs'))
  watcher.add(file('link/dist/b.mjs'))
  const swap = (folder: string, next: string) => {
    renameSync(file(folder), file(`${folder}~`))
    renameSync(file(next), file(folder))
  }
  swap('up/dist', 'up/next')
  t.equal(await changes(), 1)
  writeFileSync(file('up/dist/b.mjs'), '2')
  t.equal(await changes(), 1)
  symlinkSync('up', file('other-link'))
  swap('link', 'other-link')
  t.equal(await changes(), 1)
  writeFileSync(file('link/dist/b.mjs'), '3')
  t.equal(await changes(), 1)
  swap('up', 'new')
  t.equal(await changes(), 1)
})

t.test('it was changed after it was loaded, before it is told of', async t => {
  const { watcher, file, changes, none } = watchFile(t)
  watcher.add(file('other.mjs'))
  t.ok(await none())
  writeFileSync(file('late.mjs'), '2')
  watcher.add(file('late.mjs'))
  t.equal(await changes(), 1)
})

t.test('a file that is written whenever it is loaded, as it was', async t => {
  let text = '1'
  const { file, changes, none } = watchFile(t, async () => {
    await sleep(20)
    writeFileSync(file('a.mjs'), text)
  })
  text = '2'
  writeFileSync(file('a.mjs'), text)
  t.equal(await changes(), 1)
  text = '3'
  writeFileSync(file('a.mjs'), text)
  t.equal(await changes(), 1)
  // Another slot.
  writeFileSync(file('a.mjs'), text)
  t.ok(await none())
})

t.test('what was refused is tried again when it is saved as it was', async t => {
  const { file, changes } = watchFile(t)
  for (let i = 0; i < 3; i++) {
    writeFileSync(file('a.mjs'), '2')
    t.equal(await changes(), 1)
  }
})
