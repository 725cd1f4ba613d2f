// What a slot tells whoever keeps it.
import type { Trace } from '../protocol/thrown.js'
import type { Slot } from './slot.js'
import type { Outcome, Output, Task } from './task.js'

export interface SlotOwner<T extends Task> {
  /** The function is loaded. */
  loaded(slot: Slot<T>): void
  /** Computations have ended, or a slot has become free: there may be room. */
  settled(slot: Slot<T>, outcomes: Outcome<T>[]): void
  /** These had not started, and will not start here. */
  returned(tasks: T[]): void
  /** These had started and were ended by what is not their fault. */
  interrupted(tasks: T[], text: string): void
  /** One argument of a batch has failed. */
  argumentFailed(task: T, index: number, code: number, text: string, trace: Trace): void
  /** A computation tells how far it is; JSON. */
  progressed(task: T, body: Uint8Array): void
  /** User code has thrown where nobody could catch it; `id` is that of its request. */
  stray(slot: Slot<T>, text: string, id: string | undefined): void
  /** It has loaded this file, of the module or of what that imports; a path. */
  imported(file: string): void
  output(output: Output): void
  /** The process has ended, and why; `wasIdle` unless a request ran. */
  ended(slot: Slot<T>, why: string, wasIdle: boolean): void
}
