import { apis } from '@polylog/wire'
import type { QueueGroupPlan } from '../world/plan.ts'
import type { KnownTopic } from './catalogue.ts'
import { createTopic } from './create-topic.ts'
import { nameOfError, Session } from './session.ts'
import type { ClientParts } from './session.ts'

const groupResource = 32

/** Settings with which all groups get on within seconds. */
const usual = {
  'share.auto.offset.reset': 'earliest',
  'share.heartbeat.interval.ms': '500',
  'share.session.timeout.ms': '1500',
  'polylog.retry.backoff.max.ms': '500',
}

/** Gives the groups their settings and makes the topics of their dead letters, which nobody else writes to. */
export class QueueFounder {
  readonly #session: Session

  constructor(parts: ClientParts) {
    this.#session = new Session(parts)
  }

  /** @returns the topic of its dead letters, if the group has one */
  async found(name: string, group: QueueGroupPlan, minInsyncReplicas: number): Promise<KnownTopic | undefined> {
    const { recorder } = this.#session.parts
    const { lockDurationMs, deliveryCountMax, hasDeadLetters, messageTtlMs, tag } = group
    recorder.history.queues.groups.push({
      name,
      lockDurationMs,
      deliveryCountMax,
      hasDeadLetters,
      hasTtl: messageTtlMs >= 0,
      tag,
    })
    const topic = hasDeadLetters ? await this.#makeTopic(`dead-${name}`, minInsyncReplicas) : undefined
    await this.#configure(name, {
      ...usual,
      'share.record.lock.duration.ms': String(lockDurationMs),
      'share.delivery.count.limit': String(deliveryCountMax),
      'share.partition.max.record.locks': String(group.lockCountMax),
      'polylog.retry.backoff.ms': String(group.retryBackoffMs),
      'polylog.message.ttl.ms': String(messageTtlMs),
      'polylog.filter.tags': tag,
      'polylog.dead.letter.topic': topic?.name ?? '',
    })
    return topic
  }

  async #makeTopic(name: string, minInsyncReplicas: number): Promise<KnownTopic> {
    const partitionCount = 1 + this.#session.parts.random.below(2)
    const configs = [{ name: 'min.insync.replicas', value: String(minInsyncReplicas) }]
    const id = await createTopic(this.#session, { name, partitionCount, configs })
    return { name, id, partitionCount, cleanup: 'none', lasting: true }
  }

  async #configure(resourceName: string, values: Record<string, string>): Promise<void> {
    const configs = Object.entries(values).map(([name, value]) => ({ name, configOperation: 0, value }))
    const resources = [{ resourceType: groupResource, resourceName, configs }]
    for (;;) {
      const { responses } = await this.#session.insist(apis[44], 1, { resources, validateOnly: false })
      const { errorCode, errorMessage } = responses[0]!
      if (errorCode === 0) return
      const error = nameOfError(errorCode)
      if (error === 'INVALID_CONFIG' || error === 'INVALID_REQUEST') {
        throw new Error(`cannot configure ${resourceName}: ${errorMessage}`)
      }
      await this.#session.sleep(100)
    }
  }
}
