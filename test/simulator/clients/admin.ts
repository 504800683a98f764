import { apis } from '@polylog/wire'
import type { Deletion, TopicDeletion } from '../checkers/history.ts'
import type { KnownTopic } from './catalogue.ts'
import { logOf } from './catalogue.ts'
import { createTopic, requestTimeoutMs } from './create-topic.ts'
import { askOffset, earliest, latest } from './offsets.ts'
import { Session } from './session.ts'
import type { ClientParts } from './session.ts'
import { NoAnswer } from './wire-connection.ts'

export interface AdminOptions {
  pauseMs: number
  topicCountMax: number
  minInsyncReplicas: number
  may: AdminPowers
}

/** What the seed lets it do. */
export interface AdminPowers {
  create: boolean
  delete: boolean
  grow: boolean
  deleteRecords: boolean
  alter: boolean
  compact: boolean
  /** After a deletion, makes a topic of the same name. */
  recreate: boolean
}

/** Makes topics, and changes and removes them again. */
export class Admin {
  readonly #session: Session
  readonly #parts: ClientParts
  readonly #options: AdminOptions
  readonly #prefix: string
  #nameCount = 0

  constructor(parts: ClientParts, options: AdminOptions) {
    this.#session = new Session(parts)
    this.#parts = parts
    this.#options = options
    this.#prefix = parts.name
  }

  /** Makes the topics that groups read and nobody deletes. */
  async prepare(count: number): Promise<void> {
    for (let made = 0; made < count; made += 1) await this.#create(true)
  }

  async run(): Promise<void> {
    const { random, isEnding } = this.#parts
    while (!isEnding()) {
      await this.#session.sleep(random.between(0, 2 * this.#options.pauseMs))
      try {
        await this.#act()
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error
      }
    }
    await this.#session.close()
  }

  async #act(): Promise<void> {
    const { may, topicCountMax } = this.#options
    const { catalogue, random } = this.#parts
    const { topics } = catalogue
    const topic = topics[random.below(topics.length)]!
    const draw = random.below(6)
    if (draw === 0 && may.create && topics.length < topicCountMax) await this.#create(false)
    else if (draw === 1 && may.delete && !topic.lasting) await this.#delete(topic)
    else if (draw === 2 && may.grow && topic.partitionCount < 4) await this.#grow(topic)
    else if (draw <= 4 && may.deleteRecords && topic.cleanup !== 'compact') await this.#deleteRecords(topic)
    else if (may.alter) await this.#alter(topic)
  }

  #newName(): string {
    this.#nameCount += 1
    return `${this.#prefix}-${this.#nameCount}`
  }

  async #create(lasting: boolean, name = this.#newName(), formerId?: string): Promise<void> {
    const { random } = this.#parts
    const draw = random.next()
    const cleanup = this.#options.may.compact && draw < 0.3 ? 'compact' : draw < 0.5 && !lasting ? 'delete' : 'none'
    const partitionCount = 1 + random.below(3)
    const configs = [
      { name: 'segment.bytes', value: String(random.chance(0.5) ? 4096 : 65_536) },
      { name: 'min.insync.replicas', value: String(this.#options.minInsyncReplicas) },
      { name: 'retention.ms', value: cleanup === 'delete' ? '20000' : '-1' },
      { name: 'retention.bytes', value: cleanup === 'delete' && random.chance(0.5) ? '20000' : '-1' },
      { name: 'cleanup.policy', value: cleanup === 'compact' ? 'compact' : 'delete' },
      { name: 'segment.ms', value: cleanup === 'none' ? '604800000' : '5000' },
      { name: 'min.cleanable.dirty.ratio', value: '0.1' },
      // The clocks of clients and brokers drift hours apart.
      { name: 'message.timestamp.after.max.ms', value: '2592000000' },
    ]
    const id = await createTopic(this.#session, { name, partitionCount, configs, formerId })
    this.#parts.catalogue.add({ name, id, partitionCount, cleanup, lasting })
  }

  async #delete(topic: KnownTopic): Promise<void> {
    const { recorder, catalogue } = this.#parts
    catalogue.remove(topic)
    const deletion: TopicDeletion = { ...recorder.begin(), topicId: topic.id }
    recorder.history.topicDeletions.push(deletion)
    const connection = await this.#session.any()
    const request = { topics: [{ topicId: topic.id }], timeoutMs: requestTimeoutMs }
    const { responses } = await connection.exchange(apis[20], 6, request, requestTimeoutMs)
    if (responses[0]!.errorCode !== 0) return
    recorder.end(deletion, 'ok')
    if (this.#options.may.recreate) await this.#create(false, topic.name, topic.id)
  }

  async #grow(topic: KnownTopic): Promise<void> {
    const count = topic.partitionCount + 1
    const connection = await this.#session.any()
    const topics = [{ name: topic.name, count, assignments: null }]
    const request = { topics, timeoutMs: requestTimeoutMs, validateOnly: false }
    const { results } = await connection.exchange(apis[37], 3, request, requestTimeoutMs)
    if (results[0]!.errorCode === 0) this.#parts.catalogue.grow(topic, count)
  }

  async #deleteRecords(topic: KnownTopic): Promise<void> {
    const { recorder, random } = this.#parts
    const partition = random.below(topic.partitionCount)
    const start = await askOffset(this.#session, topic, partition, earliest)
    const end = await askOffset(this.#session, topic, partition, latest)
    if (start === undefined || end === undefined || end <= start) return
    const before = start + random.below(end - start + 1)
    const deletion: Deletion = { ...recorder.begin(), log: logOf(topic.id, partition), before }
    recorder.history.deletions.push(deletion)
    const connection = await this.#session.leader(topic.id, partition)
    const topics = [{ name: topic.name, partitions: [{ partitionIndex: partition, offset: before }] }]
    const answer = await connection.exchange(apis[21], 2, { topics, timeoutMs: requestTimeoutMs }, requestTimeoutMs)
    const { errorCode } = answer.topics[0]!.partitions[0]!
    if (errorCode === 0) recorder.end(deletion, 'ok')
  }

  async #alter(topic: KnownTopic): Promise<void> {
    const { random } = this.#parts
    const connection = await this.#session.any()
    const value = String(random.chance(0.5) ? 2048 : 16_384)
    const configs = [{ name: 'segment.bytes', configOperation: 0, value }]
    const resources = [{ resourceType: 2, resourceName: topic.name, configs }]
    await connection.exchange(apis[44], 1, { resources, validateOnly: false }, requestTimeoutMs)
  }
}
