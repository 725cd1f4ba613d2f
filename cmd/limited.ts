// A flood of what is always the same is summed up, so that a log can still be read.

const WINDOW_MS = 1000

/**
 * Whether one more of a kind is to be said: at most so many in a second; `sum` then says how many more there were, as
 * the first of the next second.
 */
export function limited<Kind>(sum: (kind: Kind, more: number) => void, most = 1): (kind: Kind) => boolean {
  const kinds = new Map<Kind, { said: number; more: number }>()
  let timer: NodeJS.Timeout | undefined
  const summary = () => {
    for (const [kind, counts] of kinds) {
      if (counts.more === 0) kinds.delete(kind)
      else sum(kind, counts.more)
      counts.said = 1
      counts.more = 0
    }
    timer = kinds.size > 0 ? setTimeout(summary, WINDOW_MS).unref() : undefined
  }
  // Before the last lines are written.
  process.prependListener('exit', summary)
  return kind => {
    let counts = kinds.get(kind)
    if (!counts) kinds.set(kind, (counts = { said: 0, more: 0 }))
    timer ??= setTimeout(summary, WINDOW_MS).unref()
    const isSaid = counts.said < most
    if (isSaid) counts.said++
    else counts.more++
    return isSaid
  }
}
