import { apis } from '@polylog/wire'
import { ClientError } from '../client-error.ts'
import type { Cluster } from '../cluster.ts'
import { shareRefusal } from '../group/group-kind.ts'
import type { Backoff } from '../waiting.ts'
import { backoffMs, pauseFor } from '../waiting.ts'

export interface ShareMemberOptions {
  group: string
  topics: readonly string[]
  backoff: Backoff
  /** Told of each new assignment. */
  onAssignment: (partitions: readonly { topicId: string; partition: number }[]) => void
  /** Told when the membership cannot be kept up for a reason that does not pass by itself. */
  onError: (error: ClientError) => void
}

const unknownMember = 25
const groupIdNotFound = 69
const fencedMemberEpoch = 110
const coordinatorErrors: readonly number[] = [14, 15, 16]
/** A broker that takes longer to answer a heartbeat is asked again over another connection. */
const heartbeatTimeoutMs = 10_000

/**
 * Membership in a share group: heartbeats on a connection of their own, apart from handlers and fetches, until `leave`. A
 * member that the group has forgotten joins again.
 */
export class ShareMember {
  readonly memberId: string
  readonly #cluster: Cluster
  readonly #options: ShareMemberOptions
  readonly #ended = new AbortController()
  #epoch = 0
  #coordinator: number | undefined
  #failures = 0
  #running: Promise<void> | undefined

  constructor(cluster: Cluster, options: ShareMemberOptions) {
    this.#cluster = cluster
    this.#options = options
    this.memberId = Buffer.from(cluster.environment.randomBytes(16)).toString('base64url')
  }

  /** Joins; resolves when the group has taken this member in. @throws ClientError of a kind that does not pass; 'aborted' */
  async join(signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      const { delayMs, error } = await this.#beat()
      if (error === undefined) {
        this.#running = this.#run(delayMs)
        return
      }
      if (!error.retriable) throw error
      await pauseFor(this.#cluster.environment, delayMs, signal)
    }
  }

  /** What a broker said shows that the group no longer knows this member: the next heartbeat joins. */
  rejoin(): void {
    this.#epoch = 0
  }

  /** Stops the heartbeats and tells the group. A coordinator that cannot be told finds out by the session's time-out. */
  async leave(timeoutMs: number): Promise<void> {
    this.#ended.abort()
    await this.#running
    if (this.#epoch === 0 || this.#coordinator === undefined) return
    this.#epoch = -1
    try {
      await this.#send(this.#coordinator, timeoutMs)
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
    }
  }

  async #run(firstDelayMs: number): Promise<void> {
    const { signal } = this.#ended
    let delayMs = firstDelayMs
    while (!signal.aborted) {
      await pauseFor(this.#cluster.environment, delayMs, signal).catch(() => undefined)
      if (signal.aborted) return
      const beat = await this.#beat()
      delayMs = beat.delayMs
      if (beat.error !== undefined && !beat.error.retriable) this.#options.onError(beat.error)
    }
  }

  /** One heartbeat; tells when the next one is due. */
  async #beat(): Promise<{ delayMs: number; error?: ClientError }> {
    try {
      this.#coordinator ??= await this.#cluster.coordinatorOf(this.#options.group)
      const answer = await this.#send(this.#coordinator, Math.min(heartbeatTimeoutMs, this.#cluster.requestTimeoutMs))
      const { errorCode, errorMessage, memberEpoch, heartbeatIntervalMs, assignment } = answer
      if (errorCode !== 0) throw shareRefusal(errorCode, this.#options.group, errorMessage, this.#epoch === 0)
      this.#failures = 0
      this.#epoch = memberEpoch
      if (assignment !== null) {
        const partitions = assignment.topicPartitions.flatMap(({ topicId, partitions: indexes }) =>
          indexes.map((partition) => ({ topicId, partition })),
        )
        this.#options.onAssignment(partitions)
      }
      return { delayMs: Math.max(1, heartbeatIntervalMs) }
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      return this.#afterFailure(error)
    }
  }

  #afterFailure(error: ClientError): { delayMs: number; error: ClientError } {
    this.#failures++
    const { environment } = this.#cluster
    const delayMs = backoffMs(this.#options.backoff, this.#failures, environment.random())
    // A group whose members were all away long enough may have been deleted; who joins makes it anew.
    const isGone = this.#epoch !== 0 && error.kafkaCode === groupIdNotFound
    if (error.kafkaCode === unknownMember || error.kafkaCode === fencedMemberEpoch || isGone) {
      this.#epoch = 0
      return { delayMs, error: new ClientError('refused', error.message, { cause: error, retriable: true }) }
    }
    if (error.kafkaCode === 0 || coordinatorErrors.includes(error.kafkaCode)) this.#coordinator = undefined
    return { delayMs, error }
  }

  #send(coordinator: number, timeoutMs: number) {
    const { group, topics } = this.#options
    const request = {
      groupId: group,
      memberId: this.memberId,
      memberEpoch: this.#epoch,
      subscribedTopicNames: this.#epoch === 0 ? [...topics] : null,
    }
    return this.#cluster.broker(coordinator, apis[76], request, { lane: 'group', timeoutMs })
  }
}
