// The options of slots of one's own: their defaults, and the checks where they enter.
import { availableParallelism } from 'node:os'
import { checkInteger, checkNames, withoutUndefined } from '../check-options.js'
import { readModule } from '../module-url.js'
import { SLOT_DEFAULTS, type SlotOptions, checkSlotOptions } from '../slot-options.js'

export interface LocalOptions extends SlotOptions {
  /**
   * How many requests are computed at the same time: 1–1024.
   * @default as many as this machine has processors
   */
  concurrency?: number | undefined
  /**
   * How many calls may wait for a free slot; one more is an `OverloadedError` at once.
   * @default 1_000_000
   */
  backlog?: number | undefined
}

export function fillLocalOptions(module: string | URL, options: LocalOptions) {
  const defaults = { ...SLOT_DEFAULTS, concurrency: availableParallelism(), backlog: 1_000_000 }
  checkNames(options, [...Object.keys(defaults), 'processes', 'execArgv'])
  const filled = { ...defaults, ...(withoutUndefined(options) as LocalOptions) }
  checkInteger('backlog', filled.backlog, 0, 1_000_000)
  return { ...filled, ...checkSlotOptions(filled), ...readModule(module), backlogBytes: Infinity, exposeStack: true }
}
