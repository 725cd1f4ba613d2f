/** Does `act` at the end of a turn of the event loop, once however often it was asked for. */
export function onceATurn(act: () => void): () => void {
  let isDue = false
  return () => {
    if (isDue) return
    isDue = true
    setImmediate(() => {
      isDue = false
      act()
    })
  }
}
