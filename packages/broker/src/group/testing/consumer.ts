import type { ErrorCode } from '../../errors/errors.ts'
import type { JoinAnswer, MemberProtocol, SyncAnswer } from '../messages.ts'
import { flush } from './manual-clock.ts'
import { bytes, subscription, text } from './world.ts'
import type { World } from './world.ts'

interface ConsumerOptions {
  groupId?: string
  instanceId?: string
  /** Protocols by preference; every one with the subscription as metadata. */
  protocols?: readonly string[]
  topics?: readonly string[]
  sessionTimeoutMs?: number
  rebalanceTimeoutMs?: number
  memberIdRequired?: boolean
  skipAssignmentSupported?: boolean
}

/** A group member as a client library would be one, step by step. It believes what it was last told. */
export class Consumer {
  readonly world: World
  readonly name: string
  readonly groupId: string
  readonly instanceId: string | null
  readonly options: ConsumerOptions
  metadata: Uint8Array
  memberId = ''
  generation = -1
  /** Answers as they come in; null while one is awaited. */
  joined: JoinAnswer | null = null
  synced: SyncAnswer | null = null
  /** The request of each kind that was sent last is open. */
  joining = false
  syncing = false
  #joinCount = 0
  #syncCount = 0

  constructor(world: World, name: string, options: ConsumerOptions = {}) {
    this.world = world
    this.name = name
    this.groupId = options.groupId ?? 'g'
    this.instanceId = options.instanceId ?? null
    this.options = options
    this.metadata = subscription(options.topics ?? ['a'])
  }

  get isLeader(): boolean {
    return this.joined?.leader === this.memberId
  }

  get assignment(): string | null {
    return this.synced === null || this.synced.error !== null ? null : text(this.synced.assignment)
  }

  /** Joins; the outcome is in `joined` when there is one. */
  async join(): Promise<JoinAnswer | null> {
    this.joined = null
    this.synced = null
    this.syncing = false
    this.joining = true
    const number = ++this.#joinCount
    this.#syncCount++
    this.world.openRequestCount++
    const request = this.request()
    void this.world.coordinator.join(request).then((answer) => {
      this.world.openRequestCount--
      // What a later join has overtaken comes by a connection that was given up.
      if (number !== this.#joinCount) return
      this.joining = false
      this.joined = answer
      if (answer.error === null || answer.error === 'member-id-required') this.memberId = answer.memberId
      if (answer.error === null) this.generation = answer.generation
    })
    // A network buffer is used again as soon as the request has been taken in.
    for (const protocol of request.protocols) protocol.metadata.fill(0xee)
    await flush()
    return this.joined
  }

  /** Syncs, as leader with an assignment for everybody: `<member's instance or id prefix>@<generation>`. */
  async sync(): Promise<SyncAnswer | null> {
    this.synced = null
    this.syncing = true
    const number = ++this.#syncCount
    const { groupId, memberId, instanceId, generation } = this
    const assignments = (this.joined?.members ?? []).map((member) => ({
      memberId: member.memberId,
      assignment: bytes(`${member.instanceId ?? member.memberId.split('-')[0]}@${generation}`),
    }))
    const request = { groupId, memberId, instanceId, generation, assignments }
    this.world.openRequestCount++
    void this.world.coordinator.sync({ ...request, protocolType: 'consumer', protocolName: null }).then((answer) => {
      this.world.openRequestCount--
      if (number !== this.#syncCount) return
      this.syncing = false
      this.synced = answer
    })
    for (const { assignment } of assignments) assignment.fill(0xee)
    await flush()
    return this.synced
  }

  beat(): ErrorCode | null {
    const { groupId, memberId, instanceId, generation } = this
    return this.world.coordinator.heartbeat({ groupId, memberId, instanceId, generation })
  }

  leave(): ErrorCode | null {
    const { groupId, memberId, instanceId } = this
    const answer = this.world.coordinator.leave({ groupId, members: [{ memberId, instanceId }] })
    return answer.error ?? answer.members[0]!.error
  }

  /** Commits one offset of topic `a`. */
  async commit(offset: number, partition = 0): Promise<ErrorCode | null> {
    const { groupId, memberId, instanceId, generation } = this
    const partitions = [{ partition, offset, leaderEpoch: 3, metadata: `by ${this.name}` }]
    const topics = [{ topic: 'a', partitions }]
    const answer = await this.world.coordinator.commitOffsets({ groupId, memberId, instanceId, generation, topics })
    return answer.topics[0]!.partitions[0]!.error
  }

  /** The same process started anew: it remembers nothing but its configuration. */
  restarted(changes: ConsumerOptions = {}): Consumer {
    return new Consumer(this.world, this.name, { ...this.options, ...changes })
  }

  private request(): Parameters<World['coordinator']['join']>[0] {
    const { options, metadata } = this
    const protocols: MemberProtocol[] = (options.protocols ?? ['range']).map((name) => ({
      name,
      metadata: new Uint8Array(metadata),
    }))
    return {
      groupId: this.groupId,
      memberId: this.memberId,
      instanceId: this.instanceId,
      clientId: this.name,
      clientHost: '/127.0.0.1',
      sessionTimeoutMs: options.sessionTimeoutMs ?? 10_000,
      rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? 30_000,
      protocolType: 'consumer',
      protocols,
      memberIdRequired: options.memberIdRequired ?? false,
      skipAssignmentSupported: options.skipAssignmentSupported ?? false,
    }
  }
}

/** Lets consumers found or rejoin a group together, up to the assignment. The first of them leads a new group. */
export async function assemble(...consumers: Consumer[]): Promise<void> {
  for (const consumer of consumers) await consumer.join()
  await consumers[0]!.world.advance(0)
  await settle(...consumers)
}

/** Lets consumers whose joins have been answered sync. */
export async function settle(...consumers: Consumer[]): Promise<void> {
  for (const consumer of consumers) await consumer.sync()
}

/** Three members of one group, assigned. */
export async function trio(world: World): Promise<[Consumer, Consumer, Consumer]> {
  const consumers: [Consumer, Consumer, Consumer] = [
    new Consumer(world, 'ann'),
    new Consumer(world, 'bob'),
    new Consumer(world, 'cyd'),
  ]
  await assemble(...consumers)
  return consumers
}

/** What a group looks like to an administrator, in short. */
export function look(world: World, groupId = 'g'): string {
  const [group] = world.coordinator.describe([groupId])
  return `${group!.state} ${group!.members.length}`
}
