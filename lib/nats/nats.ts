// The only file that names the nats package: what this project takes from it.
export { ErrorCode, NatsError, connect, createInbox, deferred } from 'nats'
export type { ConnectionOptions, Deferred, Msg, MsgHdrs, NatsConnection, PublishOptions, Subscription } from 'nats'
