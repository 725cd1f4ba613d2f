// Why something that the operating system was asked for failed, as its other commands say it.
import { getSystemErrorMap } from 'node:util'

/** `no such file or directory`; the message of an error that is not the system's. */
export const reason = ({ errno, message }: NodeJS.ErrnoException): string =>
  (errno !== undefined && getSystemErrorMap().get(errno)?.[1]) || message
