// What the two sides of a slot's pipes agree on besides frames.

/** Before the first frame: the secret and the length of the set-up, which follows as JSON. */
export const PREAMBLE = 8

export interface Setup {
  /** The URL of the module. */
  module: string
  /** How many requests may run at the same time. */
  width: number
  title: string
  /** Whether it tells which files the module imports. */
  reportImports?: boolean | undefined
  /** Whether the errors in the reply to a batch have stacks. */
  exposeStack?: boolean | undefined
}

/** How long user code may take before its process ends in order. */
export const STOP_HOOKS_MS = 2000
