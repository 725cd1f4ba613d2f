import type { NatsConnection } from './nats.js'
export const rttOf = (_nc: NatsConnection): number => 0
