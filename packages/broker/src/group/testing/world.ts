import { ConsumerProtocolSubscription, encode, Writer } from '@polylog/wire'
import type { Random } from '../../host/random.ts'
import { newPartition } from '../../image/partition-state.ts'
import type { LogFields, Logger } from '../../telemetry/logger.ts'
import type { Topic } from '../../topic/topics.ts'
import { GroupCoordinator } from '../coordinator.ts'
import type { GroupConfig } from '../group-config.ts'
import { partitionOf } from '../partition-of.ts'
import { flush, ManualClock, ProcessClock } from './manual-clock.ts'
import { MemoryGroupLog } from './memory-group-log.ts'

/** Random enough for ids, and the same in every run. */
class CountingRandom implements Random {
  #count = 0

  next(): number {
    return 0.5
  }

  bytes(count: number): Uint8Array {
    const bytes = Buffer.alloc(count)
    bytes.writeUInt32BE(++this.#count, count - 4)
    return bytes
  }
}

/** Keeps lines for tests to look at. */
class RecordingLogger implements Logger {
  readonly lines: { level: string; event: string; fields: LogFields }[] = []

  debug(event: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'debug', event, fields })
  }
  info(event: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'info', event, fields })
  }
  warn(event: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'warn', event, fields })
  }
  error(event: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'error', event, fields })
  }
}

/** A coordinator with all that it stands on, and topics `a`, `b` and `c` of eight partitions. */
export class World {
  readonly clock = new ManualClock()
  readonly log: MemoryGroupLog
  readonly logger = new RecordingLogger()
  readonly random = new CountingRandom()
  readonly topicNames = new Set(['a', 'b', 'c'])
  readonly config: Partial<GroupConfig>
  coordinator: GroupCoordinator
  #process!: ProcessClock
  /** Joins and syncs of consumers that have not been answered. */
  openRequestCount = 0

  private constructor(config: Partial<GroupConfig>, log: MemoryGroupLog) {
    this.config = config
    this.log = log
    this.coordinator = this.#coordinator()
  }

  static async make(config: Partial<GroupConfig> = {}, log = new MemoryGroupLog()): Promise<World> {
    const world = new World(config, log)
    await world.#load()
    return world
  }

  /** The broker dies and comes back; of the writes under way the first `keptCount` made it. */
  async crash(keptCount = 0): Promise<void> {
    this.log.crash(keptCount)
    this.#process.die()
    const former = this.coordinator
    for (let partition = 0; partition < this.log.partitionCount; partition++) former.unload(partition)
    // A dead process does nothing any more.
    void former.stop()
    await flush()
    this.coordinator = this.#coordinator()
    await this.#load()
  }

  advance(ms: number): Promise<void> {
    return this.clock.advance(ms)
  }

  /** What survives of a group, in a form to compare. */
  state(groupId: string): unknown {
    const [described] = this.coordinator.describe([groupId])
    const fetched = this.coordinator.fetchOffsets({ groupId, topics: null, requireStable: true })
    const offsets = fetched.topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset, leaderEpoch, metadata }) =>
        [topic, partition, offset, leaderEpoch, metadata].join(' '),
      ),
    )
    const members = described!.members.map((member) => ({
      ...member,
      metadata: Buffer.from(member.metadata).toString('hex'),
      assignment: Buffer.from(member.assignment).toString('hex'),
    }))
    members.sort((one, other) => (one.memberId < other.memberId ? -1 : 1))
    return { ...described, members, offsets: offsets.sort() }
  }

  /** Offset of topic `a`, -1 for none; fails loudly if there is an error. */
  offset(groupId: string, partition = 0): number {
    const topics = [{ topic: 'a', partitions: [partition] }]
    const { error, topics: fetched } = this.coordinator.fetchOffsets({ groupId, topics, requireStable: true })
    if (error !== null) throw new Error(`fetch failed: ${error}`)
    return fetched[0]!.partitions[0]!.offset
  }

  #coordinator(): GroupCoordinator {
    this.#process = new ProcessClock(this.clock)
    const { log, random, logger, config } = this
    const find = (name: string): Topic | undefined => (this.topicNames.has(name) ? topicNamed(name) : undefined)
    return new GroupCoordinator({ log, clock: this.#process, random, logger, topics: { find }, config })
  }

  async #load(): Promise<void> {
    const loads: Promise<void>[] = []
    for (let partition = 0; partition < this.log.partitionCount; partition++) {
      loads.push(this.coordinator.load(partition))
    }
    await Promise.all(loads)
  }
}

/** A subscription as a consumer sends it. */
export function subscription(topics: readonly string[], owned: readonly string[] = []): Uint8Array {
  const writer = new Writer(1024)
  writer.int16(1)
  const ownedPartitions = owned.map((topic) => ({ topic, partitions: [0] }))
  encode(ConsumerProtocolSubscription, 1, { topics, ownedPartitions }, writer)
  return new Uint8Array(writer.concat())
}

export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text))
}

export function text(value: Uint8Array): string {
  return Buffer.from(value).toString()
}

/** A group id that lives in the given partition. */
export function groupIn(partition: number, partitionCount: number): string {
  for (let number = 0; ; number++) {
    if (partitionOf(`group-${number}`, partitionCount) === partition) return `group-${number}`
  }
}

function topicNamed(name: string): Topic {
  const partitions = Array.from({ length: 8 }, (_, index) => newPartition(index, [1], new Map()))
  const placement = { kind: 'default' } as const
  return { name, id: `id-of-${name}`, internal: false, partitions, configs: new Map(), placement, modRevision: 1 }
}
