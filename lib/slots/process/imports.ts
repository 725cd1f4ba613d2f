// Which files the module of a function imports, itself included: for whoever loads it anew when one of them changes.
//
// Files are told before they are read, so that one with a syntax error is among them. Node 22.15 and later call hooks in this thread.
// Before, those of ES modules run in a thread of their own (import-hooks.ts), and CommonJS modules pass by Node's `Module.prototype.load`.
import module from 'node:module'
import { pathToFileURL } from 'node:url'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import { type Hooks, fileOf, importHooks } from './import-hooks.js'

type Told = (file: string) => void

/** From here on each file that is loaded is told once, but for those of packages. */
export function reportImports(tell: Told) {
  const known = new Set<string>()
  const report = (url: string) => {
    const file = fileOf(url)
    if (file === undefined || known.has(file)) return
    known.add(file)
    tell(file)
  }
  const { registerHooks } = module as { registerHooks?: (hooks: Hooks) => void }
  if (registerHooks) registerHooks(importHooks(report))
  else {
    hearThread(report)
    hearCommonJs(report)
  }
}

function hearThread(report: Told) {
  const { port1, port2 } = new MessageChannel()
  port1.on('message', report).unref()
  module.register('./import-hooks.js', { parentURL: import.meta.url, data: port2, transferList: [port2] })
  // What cannot be loaded ends the process before its messages are heard.
  process.on('exit', () => {
    for (let last; (last = receiveMessageOnPort(port1));) report(last.message)
  })
}

function hearCommonJs(report: Told) {
  const { prototype } = module as unknown as { prototype: { load(filename: string): void } }
  const { load } = prototype
  prototype.load = function (filename) {
    report(pathToFileURL(filename).href)
    load.call(this, filename)
  }
}
