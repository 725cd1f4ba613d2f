// The function of the strikes: it sleeps, and tells which attempt it was.
import type { Context } from 'nats-executor'
import sleep from './sleep.js'

export default function attempts(ms: number, { attempt }: Context): number {
  sleep(ms)
  return attempt
}
