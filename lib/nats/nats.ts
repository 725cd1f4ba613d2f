// The only file that names the nats package: what this project takes from it.
export { ErrorCode, NatsError, connect, createInbox, credsAuthenticator, nkeyAuthenticator } from 'nats'
export type { ConnectionOptions, Msg, MsgHdrs, NatsConnection, PublishOptions, Subscription, TlsOptions } from 'nats'
