import type { MetadataStore } from '../cluster/metadata-store.ts'
import type { TopicSettings } from '../config/topic-settings.ts'
import { DiskError } from '../host/disk.ts'
import type { Clock } from '../host/clock.ts'
import type { ImageChange } from '../image/cluster-image.ts'
import type { ImageFeed } from '../image/image-feed.ts'
import type { PartitionState } from '../image/partition-state.ts'
import type { Topic } from '../image/topic.ts'
import type { Log } from '../log/log.ts'
import type { LogStore } from '../log/store.ts'
import type { Logger } from '../telemetry/logger.ts'
import { logSettingsOf } from '../topic/log-settings.ts'
import type { Partition } from '../topic/partition.ts'
import type { ReplicaHost } from '../topic/replica-host.ts'
import { FetchLoops } from './fetch-loops.ts'
import { Follower } from './follower.ts'
import { IsrKeeper } from './isr-keeper.ts'
import { leaveDamaged } from './leave-damaged.ts'
import type { Peers } from './peers.ts'
import { Replica } from './replica.ts'
import type { ReplicaSettings } from './replica-settings.ts'

export interface ReplicaManagerParts {
  readonly feed: ImageFeed
  readonly metadata: MetadataStore
  readonly store: LogStore
  readonly clock: Clock
  readonly logger: Logger
  readonly peers: Peers
  readonly brokerId: number
  readonly settings: ReplicaSettings
  /** The topic's settings in force: its own, a policy's, the broker's. */
  readonly topicSettings: (topic: Topic) => TopicSettings
}

/** Leadership of a partition has come to this broker, or has left it. Must not throw. */
export type LeadershipListener = (topicId: string, index: number, isLeader: boolean, leaderEpoch: number) => void

/** Pause between two attempts of a damaged replica to leave the ISR. */
const leaveRetryMs = 500

/** A replica, what the store wants of it, and the part that it is playing. */
interface Seat {
  replica: Replica
  wanted: PartitionState
  follower: Follower | undefined
  /** Set while a part is being changed, which has to wait for work on the log. */
  changing: Promise<void> | undefined
  isLeader: boolean
  ledEpoch: number
  /** A damaged replica is trying to leave the ISR. */
  isLeaving: boolean
  isRemoved: boolean
}

/**
 * The replicas of this broker. Follows the image: opens logs for what is assigned here, gives each replica its part, and
 * removes what is not assigned any more. Nothing is removed because of something that is missing or unreadable in the store:
 * such logs are set aside.
 */
export class ReplicaManager implements ReplicaHost {
  readonly #parts: ReplicaManagerParts
  readonly #seats = new Map<string, Seat>()
  readonly #seatsByLog = new Map<Log, Seat>()
  readonly #leadershipListeners = new Set<LeadershipListener>()
  readonly #keeper: IsrKeeper
  readonly #loops: FetchLoops
  /** By log name: a replica that comes back waits until what it left is gone. */
  readonly #removals = new Map<string, Promise<void>>()
  #brokerEpoch = -1
  #stopListening: (() => void) | undefined
  #closed = false

  constructor(parts: ReplicaManagerParts) {
    this.#parts = parts
    const { clock, logger, settings, brokerId, peers, feed, metadata } = parts
    const brokerEpoch = (): number => this.#brokerEpoch
    const lagMsMax = (): number => settings.lagMsMax
    this.#keeper = new IsrKeeper({
      store: metadata,
      clock,
      logger,
      brokerId,
      brokerEpoch,
      lagMsMax,
      leaders: () => this.replicasLed(),
    })
    this.#loops = new FetchLoops({ peers, clock, logger, settings, brokerId, brokerEpoch, brokers: feed.image.brokers })
  }

  /**
   * Opens a replica for everything that is assigned here; plays no part yet. Logs that belong to nothing are deleted if
   * `mayDelete` says that this broker alone decides what there is, else set aside.
   */
  async open(mayDelete: boolean): Promise<void> {
    const { feed, store, logger } = this.#parts
    for (const topic of feed.image.topicsById.values()) this.#seatTopic(topic)
    for (const log of store.logs()) {
      if (this.#seatsByLog.has(log)) continue
      if (mayDelete && feed.image.unreadableCount === 0) await store.delete(log)
      else {
        logger.warn('a log that no topic names is set aside', { log: log.name })
        await store.setAside(log, 'no topic names it')
      }
    }
    this.#stopListening = feed.onChange((change) => this.#imageChanged(change))
  }

  /** Plays its parts under this broker epoch from now on: after each registration. */
  register(brokerEpoch: number): void {
    this.#brokerEpoch = brokerEpoch
    for (const seat of this.#seats.values()) this.#settle(seat)
    if (this.#keeperIsRunning) return
    this.#keeperIsRunning = true
    this.#keeper.start()
  }

  #keeperIsRunning = false

  onLeadership(listener: LeadershipListener): () => void {
    this.#leadershipListeners.add(listener)
    return () => this.#leadershipListeners.delete(listener)
  }

  leader(topicId: string, index: number): Partition | undefined {
    const seat = this.#seats.get(`${topicId}:${index}`)
    return seat?.isLeader ? seat.replica : undefined
  }

  follower(topicId: string, index: number): Partition | undefined {
    const seat = this.#seats.get(`${topicId}:${index}`)
    return seat === undefined || seat.isLeader ? undefined : seat.replica
  }

  *replicasLed(): Iterable<Replica> {
    for (const { replica, isLeader } of this.#seats.values()) if (isLeader) yield replica
  }

  *replicas(): Iterable<Replica> {
    for (const { replica } of this.#seats.values()) yield replica
  }

  /** The settings of the topic that a log belongs to; undefined for a log that is being deleted. */
  settingsOf(log: Log): TopicSettings | undefined {
    return this.#seatsByLog.get(log)?.replica.settings
  }

  /** Follows no one, leads nothing, writes nothing to the store any more. Logs stay open. */
  async close(): Promise<void> {
    this.#closed = true
    this.#stopListening?.()
    this.#keeper.close()
    this.#loops.close()
    for (const seat of this.#seats.values()) {
      await seat.follower?.end()
      await seat.changing
      if (seat.isLeader) this.#setLeader(seat, false)
      seat.replica.end()
    }
    await Promise.all(this.#removals.values())
  }

  #imageChanged(change: ImageChange): void {
    if (this.#closed) return
    const { image } = this.#parts.feed
    for (const [id, before] of change.topics) {
      const after = image.topicsById.get(id)
      if (after) this.#seatTopic(after)
      else if (before) for (const { index } of before.partitions) this.#unseat(`${id}:${index}`)
    }
    if (change.policies) for (const topic of image.topicsById.values()) this.#applySettings(topic)
    if (change.brokers.size > 0) this.#brokersChanged(change.brokers)
  }

  /** Whether a leader still leads, and whom a follower can fetch from, hangs on who is registered. */
  #brokersChanged(ids: ReadonlySet<number>): void {
    const { brokerId } = this.#parts
    for (const seat of this.#seats.values()) {
      const { leader, replicas } = seat.wanted
      if (ids.has(leader) || ids.has(brokerId)) this.#settle(seat)
      else if (seat.isLeader && replicas.some((id) => ids.has(id))) this.#keeper.review(seat.replica)
      if (seat.isLeader) seat.replica.advance()
    }
  }

  #seatTopic(topic: Topic): void {
    const { brokerId } = this.#parts
    let settings: TopicSettings | undefined
    for (const state of topic.partitions) {
      const key = `${topic.id}:${state.index}`
      const seat = this.#seats.get(key)
      if (!state.replicas.includes(brokerId)) {
        if (seat) this.#unseat(key)
        continue
      }
      if (seat) {
        if (seat.wanted === state) continue
        seat.wanted = state
        this.#settle(seat)
      } else if (!this.#removals.has(logNameOf(topic, state.index))) {
        settings ??= this.#parts.topicSettings(topic)
        this.#settle(this.#seat(topic, state, settings))
      }
    }
    this.#applySettings(topic)
  }

  #applySettings(topic: Topic): void {
    const first = topic.partitions.find(({ index }) => this.#seats.has(`${topic.id}:${index}`))
    if (first === undefined) return
    const settings = this.#parts.topicSettings(topic)
    for (const { index } of topic.partitions) {
      const replica = this.#seats.get(`${topic.id}:${index}`)?.replica
      if (replica === undefined) continue
      replica.settings = settings
      replica.log.settings = logSettingsOf(settings)
      replica.advance()
    }
  }

  #seat(topic: Topic, state: PartitionState, settings: TopicSettings): Seat {
    const { store } = this.#parts
    const name = logNameOf(topic, state.index)
    const log = store.get(name) ?? store.create(name, logSettingsOf(settings))
    const replica = this.#makeReplica(topic.name, topic.id, state, log, settings)
    const parts = {
      follower: undefined,
      changing: undefined,
      isLeader: false,
      ledEpoch: -1,
      isLeaving: false,
      isRemoved: false,
    }
    const seat: Seat = { replica, wanted: state, ...parts }
    this.#seats.set(`${topic.id}:${state.index}`, seat)
    this.#seatsByLog.set(log, seat)
    return seat
  }

  #makeReplica(topicName: string, topicId: string, state: PartitionState, log: Log, settings: TopicSettings): Replica {
    const { brokerId, clock, store, feed } = this.#parts
    const lagMsMax = (): number => this.#parts.settings.lagMsMax
    const reviewIsr = (led: Replica): void => this.#keeper.review(led)
    const damaged = (replica: Replica): void => this.#damaged(replica)
    const around = { brokerId, clock, store, lagMsMax, brokers: feed.image.brokers, reviewIsr, damaged }
    return new Replica({ topicName, topicId, index: state.index }, state, log, settings, around)
  }

  /** Gives a replica the part that the store wants it to play. At once if the log is at rest, which is the usual case. */
  #settle(seat: Seat): void {
    if (this.#closed || this.#brokerEpoch < 0 || seat.changing !== undefined || seat.isRemoved) return
    this.#leaveIfDamaged(seat)
    if (seat.changing !== undefined) return
    const { replica, wanted, follower } = seat
    const leads = replica.wantsToLead(wanted)
    if (follower && (leads || follower.epoch !== wanted.leaderEpoch || follower.leader !== wanted.leader)) {
      this.#endFollower(seat, follower)
      return
    }
    if (leads) {
      replica.lead(wanted)
      if (!seat.isLeader || seat.ledEpoch !== wanted.leaderEpoch) this.#setLeader(seat, true)
      this.#keeper.review(replica)
      return
    }
    const hasLed = seat.isLeader
    if (hasLed) this.#setLeader(seat, false)
    replica.follow(wanted)
    // A leader with a damaged log has handed over, and nothing else would tell it to begin anew.
    if (hasLed) this.#leaveIfDamaged(seat)
    if (seat.changing !== undefined) return
    this.#follow(seat)
  }

  /** The log must be at rest before another part begins. */
  #endFollower(seat: Seat, follower: Follower): void {
    this.#loops.remove(follower)
    seat.follower = undefined
    seat.changing = follower.end().finally(() => {
      seat.changing = undefined
      this.#settle(seat)
    })
  }

  #follow(seat: Seat): void {
    const { brokerId, store, logger, feed } = this.#parts
    const { wanted, replica } = seat
    const leader = feed.image.brokers.get(wanted.leader)
    if (leader === undefined || leader.id === brokerId || leader.epoch !== wanted.leaderBrokerEpoch) {
      if (seat.follower) this.#loops.remove(seat.follower)
      return
    }
    seat.follower ??= new Follower(replica, wanted, {
      store,
      logger,
      setAside: (_, reason) => void this.#replaceLog(seat, reason),
    })
    this.#loops.place(seat.follower, wanted.inSyncReplicas.includes(brokerId))
  }

  #setLeader(seat: Seat, isLeader: boolean): void {
    const { topicId, index, leaderEpoch, topicName } = seat.replica
    const epoch = isLeader ? leaderEpoch : seat.ledEpoch
    seat.isLeader = isLeader
    seat.ledEpoch = leaderEpoch
    this.#parts.logger.debug(isLeader ? 'leads a partition' : 'leads a partition no more', {
      topic: topicName,
      partition: index,
      leaderEpoch: epoch,
    })
    for (const listener of this.#leadershipListeners) listener(topicId, index, isLeader, epoch)
  }

  /** A replica whose log is damaged leaves the ISR if it is not alone there, then begins anew from the leader. */
  #leaveIfDamaged(seat: Seat): void {
    const { replica, wanted } = seat
    const { damage } = replica.log
    const { brokerId, metadata, feed, logger, store } = this.#parts
    if (damage === undefined || wanted.replicas.length === 1) return
    // Where the journal has failed nothing can be stored at all before a restart.
    if (store.failure !== undefined) return
    const isMember = wanted.inSyncReplicas.includes(brokerId) || wanted.eligible.includes(brokerId)
    if (!isMember && !seat.isLeader) {
      void this.#replaceLog(seat, damage)
      return
    }
    if (seat.isLeaving) return
    seat.isLeaving = true
    const facts = { brokerId, brokerEpoch: this.#brokerEpoch, metadata, brokers: feed.image.brokers, logger }
    void leaveDamaged({ replica, state: wanted, ...facts }).then((isSettled) => {
      // The image shows what came of it; what failed is tried again by then, or when more is known.
      this.#parts.clock.startTimer(leaveRetryMs, () => {
        seat.isLeaving = false
        if (!isSettled && seat.replica === replica) this.#settle(seat)
      })
    })
  }

  /** At the end of the turn: whoever found the damage is still at work on the log. */
  #damaged(replica: Replica): void {
    this.#parts.clock.endOfTurn(() => {
      const seat = this.#seatsByLog.get(replica.log)
      if (seat?.replica === replica) this.#settle(seat)
    })
  }

  /** Sets the log aside and starts an empty one, to be fetched from the leader. */
  async #replaceLog(seat: Seat, reason: string): Promise<void> {
    const { logger } = this.#parts
    const { replica } = seat
    if (seat.changing !== undefined || this.#closed || !this.#seatsByLog.has(replica.log)) return
    const { topicName: topic, index: partition } = replica
    logger.warn('a log is set aside and fetched anew', { topic, partition, reason })
    const { follower } = seat
    if (follower) this.#loops.remove(follower)
    seat.follower = undefined
    seat.changing = this.#exchangeLog(seat, reason, follower)
      .catch((error: unknown) => {
        if (!(error instanceof DiskError)) throw error
        logger.error('a log cannot be set aside', { topic, partition, error: error.message })
      })
      .finally(() => {
        seat.changing = undefined
        this.#settle(seat)
      })
    await seat.changing
  }

  async #exchangeLog(seat: Seat, reason: string, follower: Follower | undefined): Promise<void> {
    const { store } = this.#parts
    const { replica } = seat
    void follower?.end()
    replica.end()
    this.#seatsByLog.delete(replica.log)
    await store.setAside(replica.log, reason)
    const log = store.create(replica.log.name, replica.log.settings)
    seat.replica = this.#makeReplica(replica.topicName, replica.topicId, seat.wanted, log, replica.settings)
    this.#seatsByLog.set(log, seat)
  }

  #unseat(key: string): void {
    const seat = this.#seats.get(key)
    if (seat === undefined) return
    this.#seats.delete(key)
    seat.isRemoved = true
    if (seat.isLeader) this.#setLeader(seat, false)
    seat.replica.end()
    const { name } = seat.replica.log
    const removal = this.#remove(seat)
      .catch((error: unknown) => {
        this.#parts.logger.error('a log cannot be removed', { log: name, error: String(error) })
      })
      .then(() => {
        this.#removals.delete(name)
        const topic = this.#parts.feed.image.topicsById.get(seat.replica.topicId)
        if (topic && !this.#closed) this.#seatTopic(topic)
      })
    this.#removals.set(name, removal)
  }

  async #remove(seat: Seat): Promise<void> {
    if (seat.follower) {
      this.#loops.remove(seat.follower)
      await seat.follower.end()
    }
    await seat.changing
    const { log } = seat.replica
    this.#seatsByLog.delete(log)
    await this.#parts.store.delete(log)
  }
}

function logNameOf(topic: Topic, index: number): string {
  return `${topic.name.slice(0, 200)}-${index}.${topic.id}`
}
