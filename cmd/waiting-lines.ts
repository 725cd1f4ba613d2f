// Tells a person who waits for an answer whom it waits for, when that has lasted for a while; and again when it changes.

/** Executors and servers that are about to be there are not worth a word. */
const PATIENCE_MS = 2000
/** What changes twice within this time is not told. */
const LOOK_MS = 250

/** `missing`: who is known to be missing, if somebody is. What it returns ends it. */
export function tellMissing(missing: () => string | undefined, say: (missing: string | undefined) => void): () => void {
  const from = performance.now()
  let seen: string | undefined
  let said: string | undefined
  const look = () => {
    const now = missing()
    const isSteady = now === seen
    seen = now
    if (!isSteady || now === said || performance.now() - from < PATIENCE_MS) return
    said = now
    say(now)
  }
  const timer = setInterval(look, LOOK_MS)
  return () => clearInterval(timer)
}
