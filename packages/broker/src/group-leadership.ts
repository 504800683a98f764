import type { GroupCoordinator } from './group/coordinator.ts'
import type { Clock, Timer } from './host/clock.ts'
import type { ReplicaManager } from './replica/replica-manager.ts'
import type { Logger } from './telemetry/logger.ts'
import type { Topics } from './topic/topics.ts'

const retryMs = 1000

export interface GroupLeadershipParts {
  readonly replicas: Pick<ReplicaManager, 'onLeadership'>
  readonly groups: Pick<GroupCoordinator, 'load' | 'unload'>
  readonly topics: Topics
  readonly topicName: string
  readonly clock: Clock
  readonly logger: Logger
}

/** Makes this broker coordinate the groups of those partitions of the group log that it leads. */
export class GroupLeadership {
  readonly #parts: GroupLeadershipParts
  readonly #forget: () => void
  /** By partition: the term for which its groups are loaded, or are being so. */
  readonly #terms = new Map<number, number>()
  readonly #loading = new Map<number, Promise<void>>()
  readonly #timers = new Set<Timer>()
  #ended = false

  /** Must be made before this broker leads anything. */
  constructor(parts: GroupLeadershipParts) {
    this.#parts = parts
    this.#forget = parts.replicas.onLeadership((topicId, index, isLeader, leaderEpoch) => {
      if (parts.topics.find(parts.topicName)?.id === topicId) this.#changed(index, isLeader ? leaderEpoch : undefined)
    })
  }

  /** Resolves once everything has been loaded that can be without waiting for other brokers. */
  async loaded(): Promise<void> {
    const { topics, topicName } = this.#parts
    const mine = [...this.#loading].filter(([index]) => topics.partition(topicName, index)?.isSettled === true)
    await Promise.all(mine.map(([, loading]) => loading))
  }

  end(): void {
    this.#ended = true
    this.#forget()
    for (const timer of this.#timers) timer.cancel()
  }

  #changed(index: number, term: number | undefined): void {
    if (this.#terms.get(index) === term) return
    // Also from one term to the next: what was written in between by another leader must be read.
    if (this.#terms.has(index)) this.#parts.groups.unload(index)
    if (term === undefined) this.#terms.delete(index)
    else {
      this.#terms.set(index, term)
      this.#load(index, term)
    }
  }

  #load(index: number, term: number): void {
    const { groups, logger, clock } = this.#parts
    const loading = groups
      .load(index)
      .catch((error: unknown) => {
        if (this.#ended || this.#terms.get(index) !== term) return
        logger.error('groups cannot be loaded, trying again', { partition: index, error: String(error) })
        const timer = clock.startTimer(retryMs, () => {
          this.#timers.delete(timer)
          if (this.#terms.get(index) === term) this.#load(index, term)
        })
        this.#timers.add(timer)
      })
      .finally(() => {
        if (this.#loading.get(index) === loading) this.#loading.delete(index)
      })
    this.#loading.set(index, loading)
  }
}
