// What the process of a slot is told at its start, before the first frame.

/** The secret and the length of the set-up, which follows as JSON. */
export const PREAMBLE = 8

export interface Setup {
  /** The URL of the module. */
  module: string
  /** How many requests may run at the same time. */
  width: number
  title: string
}
