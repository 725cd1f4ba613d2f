// The functions that are attacked: honest work that keeps a slot but needs no core, and what strangers ask for.
import sleep from './sleep.js'

export default sleep

export const text = (length: number) => 'x'.repeat(length)

/** What takes so long that its answer is kept until the server has it. */
export function slowText(length: number) {
  sleep(150)
  return text(length)
}

export const size = (value: string) => value.length
