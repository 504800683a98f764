import type { JoinAnswer, MemberProtocol, SyncAnswer } from './messages.ts'

export const noBytes: Uint8Array = new Uint8Array(0)

/** What a member says of itself; all of it may change when it joins again. */
export interface MemberTraits {
  clientId: string
  clientHost: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  protocols: readonly MemberProtocol[]
}

/** A member as its group keeps it. Only Group changes the ids and the two waiters: it counts and indexes them. */
export class Member {
  id: string
  readonly instanceId: string | null
  traits: MemberTraits
  assignment: Uint8Array = noBytes
  /** Waiting in its very first join, where it cannot beat and so may expire while it waits. */
  isNew = true
  /** Monotonic time at which the member is given up unless it is heard of. */
  deadlineMs = Number.POSITIVE_INFINITY
  /** Answers the join or sync that is parked here. */
  joinWaiter: ((answer: JoinAnswer) => void) | null = null
  syncWaiter: ((answer: SyncAnswer) => void) | null = null

  constructor(id: string, instanceId: string | null, traits: MemberTraits) {
    this.id = id
    this.instanceId = instanceId
    this.traits = traits
  }

  /** A member known to be waiting for its answer need not beat meanwhile: the connection is busy with that request. */
  get mayExpire(): boolean {
    return this.isNew || (this.joinWaiter === null && this.syncWaiter === null)
  }

  /** The metadata for a protocol; empty if the member does not offer it. */
  metadataFor(protocolName: string | null): Uint8Array {
    return this.traits.protocols.find((protocol) => protocol.name === protocolName)?.metadata ?? noBytes
  }

  /** Whether the offered protocols are byte for byte the same, in the same order. */
  offersExactly(protocols: readonly MemberProtocol[]): boolean {
    const own = this.traits.protocols
    if (own.length !== protocols.length) return false
    return own.every(
      (protocol, index) =>
        protocol.name === protocols[index]!.name && Buffer.compare(protocol.metadata, protocols[index]!.metadata) === 0,
    )
  }
}
