import { EmbeddedMetadataStore } from '../cluster/embedded/embedded-store.ts'
import { MetadataError } from '../cluster/metadata-error.ts'
import type { LeaseId, MetadataStore, RangeOptions, Transaction, WatchListener } from '../cluster/metadata-store.ts'
import { MemoryDisk } from '../host/memory/memory-disk.ts'
import { MachineTime } from '../host/simulated/machine-time.ts'
import { Scheduler } from '../host/simulated/scheduler.ts'
import { SimulatedClock } from '../host/simulated/simulated-clock.ts'
import { ImageFeed } from '../image/image-feed.ts'
import { brokerKey } from '../image/keys.ts'
import { silentLogger } from '../telemetry/logger.ts'
import type { Logger } from '../telemetry/logger.ts'
import { Registration } from './registration.ts'
import type { RegistrationOptions } from './registration.ts'

export const sessionTimeoutMs = 3000

/** What happens to a call: it goes through, is lost on the way, or is made and its answer is lost. */
export type Fate = 'made' | 'lost' | 'unanswered'

/** The store as one broker reaches it, over a way that may be cut. */
export class Line implements MetadataStore {
  readonly #store: MetadataStore
  /** Decides about each call; the default lets all through. */
  fate: (call: 'get' | 'range' | 'transaction' | 'grantLease' | 'keepAlive' | 'revokeLease') => Fate = () => 'made'
  /** While true, keep-alives get no answer at all. */
  isSilent = false

  constructor(store: MetadataStore) {
    this.#store = store
  }

  async #call<T>(name: Parameters<Line['fate']>[0], make: () => Promise<T>): Promise<T> {
    const fate = this.fate(name)
    if (fate === 'lost') throw new MetadataError('unavailable', 'the line is cut')
    const made = await make()
    if (fate === 'unanswered') throw new MetadataError('unavailable', 'the line was cut before the answer')
    return made
  }

  get(key: string) {
    return this.#call('get', () => this.#store.get(key))
  }

  range(prefix: string, options?: RangeOptions) {
    return this.#call('range', () => this.#store.range(prefix, options))
  }

  transaction(transaction: Transaction) {
    return this.#call('transaction', () => this.#store.transaction(transaction))
  }

  watch(prefix: string, fromRevision: number, listener: WatchListener) {
    return this.#store.watch(prefix, fromRevision, listener)
  }

  grantLease(ttlMs: number) {
    return this.#call('grantLease', () => this.#store.grantLease(ttlMs))
  }

  keepAlive(id: LeaseId) {
    if (this.isSilent) return new Promise<never>(() => {})
    return this.#call('keepAlive', () => this.#store.keepAlive(id))
  }

  revokeLease(id: LeaseId) {
    return this.#call('revokeLease', () => this.#store.revokeLease(id))
  }

  async close(): Promise<void> {}
}

/** One broker's part of the world. */
export class Member {
  readonly line: Line
  readonly feed: ImageFeed
  readonly registration: Registration
  readonly epochs: number[] = []
  readonly log: string[] = []
  diskWaitMs = 0
  readonly clock: SimulatedClock

  constructor(world: MembershipWorld, options: Partial<RegistrationOptions>) {
    const clock = new SimulatedClock(world.scheduler, world.time, 'broker')
    const note = (event: string, fields?: unknown): void => void this.log.push(`${event} ${JSON.stringify(fields)}`)
    const logger: Logger = { ...silentLogger, info: note, warn: note, error: note }
    this.clock = clock
    this.line = new Line(world.store)
    this.feed = new ImageFeed({ store: world.store, clock, logger: silentLogger })
    this.registration = new Registration({
      store: this.line,
      feed: this.feed,
      clock,
      random: world.scheduler.random,
      logger,
      brokerId: 1,
      directoryId: 'directory-1',
      address: { host: 'h1', port: 9092, rack: '', version: '1.0.0' },
      isVolatile: false,
      isIntact: true,
      sessionTimeoutMs,
      startTimeoutMs: 10_000,
      diskWaitMs: () => this.diskWaitMs,
      ...options,
    })
    this.registration.onEpoch((epoch) => this.epochs.push(epoch))
  }

  /** The process is gone without a word. */
  kill(): void {
    this.registration.close()
    this.feed.close()
    this.clock.kill()
  }
}

/** A metadata store in memory, and time that passes when told. */
export class MembershipWorld {
  readonly scheduler: Scheduler
  readonly time: MachineTime
  store!: EmbeddedMetadataStore

  constructor(seed = 1) {
    this.scheduler = new Scheduler(seed)
    this.time = new MachineTime(this.scheduler)
  }

  async begin(): Promise<this> {
    const clock = new SimulatedClock(this.scheduler, this.time, 'store')
    this.store = await this.complete(EmbeddedMetadataStore.open({ disk: new MemoryDisk(), clock, directory: '/store' }))
    return this
  }

  complete<T>(promise: Promise<T>): Promise<T> {
    return this.scheduler.complete(promise)
  }

  /** A broker that has not registered yet. */
  async member(options: Partial<RegistrationOptions> = {}): Promise<Member> {
    const member = new Member(this, options)
    await this.complete(member.feed.start())
    return member
  }

  /** A broker that has registered. */
  async registered(options: Partial<RegistrationOptions> = {}): Promise<Member> {
    const member = await this.member(options)
    await this.complete(member.registration.register())
    return member
  }

  /** What the store says about a broker. */
  async stored(brokerId = 1): Promise<{ epoch: number; lease: LeaseId; record: Record<string, unknown> } | undefined> {
    const found = await this.complete(this.store.get(brokerKey(brokerId)))
    if (!found) return undefined
    const record = JSON.parse(found.value) as Record<string, unknown>
    return { epoch: found.createRevision, lease: found.lease, record }
  }
}
