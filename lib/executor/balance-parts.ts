// What the balance needs of the executor that it works for, and tells it.
import type { Msg } from '../nats/nats.js'
import type { Subjects } from '../protocol/subjects.js'
import type { Pool } from '../slots/pool.js'
import type { Job } from './job.js'
import type { Post } from './post.js'

export interface BalanceParts {
  readonly executorId: string
  readonly post: Post
  readonly subjects: Subjects
  readonly pool: Pool<Job>
  readonly concurrency: number
  /** Takes a request of another executor in, unless there is no room for it; it may be here already. */
  take(job: Job): 'added' | 'joined' | 'refused' | 'unfit'
  /** A request that was to leave is here again. */
  stays(job: Job): void
  /** It is `to`'s now. */
  left(job: Job, to: string): void
  /** A message of another kind that came for this executor. */
  heard(kind: string, message: Msg): void
  /** How long a computation is likely to take, in milliseconds; `Infinity` if that is not known. */
  computeMs(): number
  /** From when on all slots are taken for as good as lost, if none gets free before. */
  stuckAt(): number
}
