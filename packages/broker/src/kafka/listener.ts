import { Writer } from '@polylog/wire'
import { userType } from '../auth/principal.ts'
import { assert, BrokerError } from '../errors/errors.ts'
import type { Timer } from '../host/clock.ts'
import { FramePool } from '../host/frame-memory.ts'
import type { Address, Connection, Listener } from '../host/network.ts'
import type { Shared } from './connection.ts'
import { GroupProgress } from '../queue/share-groups/group-progress.ts'
import { KafkaConnection } from './connection.ts'
import { advertisedApis } from './dispatch.ts'
import { FetchSessions } from './fetch/fetch-sessions.ts'
import { kafkaLimits } from './kafka-config.ts'
import { Newcomers } from './newcomers.ts'
import { ProduceDeadlines } from './produce-deadlines.ts'
import { RequestMemory } from './request-memory.ts'
import type { KafkaDependencies, Services } from './services.ts'
import { makeShareSessions } from './share/make-share-sessions.ts'
import { TurnEnd } from './turn-end.ts'

/** One read of a busy socket returns up to this much. */
const receiveBufferBytes = 256 * 1024

/** Answers of one turn that fit into one slab go out as one piece; those that do not cost a second one. */
const answerSlabBytes = 64 * 1024

/** How often idle connections are looked for, at most and at least. */
const sweepIntervalMsMin = 250
const sweepIntervalMsMax = 30_000

/**
 * The Kafka front-end of a broker: accepts connections and serves their requests.
 *
 * ```ts
 * const kafka = new KafkaListener({ host, topics, groups, producerIds, brokerSettings, config, logger, metrics })
 * const { port } = await kafka.start({ host: '127.0.0.1', port: 0 })
 * await kafka.start({ host: '::1', port })
 * await kafka.stop({ timeoutMs: 10_000 })
 * ```
 */
export class KafkaListener {
  private readonly services: Services
  private readonly shared: Shared
  private readonly listeners: Listener[] = []
  private readonly connections = new Set<KafkaConnection>()
  private readonly connectionsByAddress = new Map<string, number>()
  private readonly newcomers: Newcomers<KafkaConnection>
  private newcomersReported = 0
  private sweepTimer: Timer | undefined
  private stopping = false
  private serving = false
  /** Connections that wait for `serve`. */
  private readonly early = new Set<Connection>()
  private allClosed: (() => void) | undefined

  constructor(dependencies: KafkaDependencies) {
    const { host, config, topics, queues, shareGroups } = dependencies
    this.services = {
      ...dependencies,
      apis: advertisedApis,
      fetchSessions: new FetchSessions(host, config.fetchSessionCountMax, kafkaLimits.fetchSessionPartitionCountMax),
      replicaFetchSessions: new FetchSessions(
        host,
        kafkaLimits.replicaFetchSessionCountMax,
        kafkaLimits.fetchSessionPartitionCountMax,
      ),
      produceDeadlines: new ProduceDeadlines(host.clock),
      shareSessions: makeShareSessions(dependencies),
      groupProgress: new GroupProgress({ groups: shareGroups, queues, topics }),
    }
    this.newcomers = new Newcomers({
      countMax: config.unauthenticatedCountMax,
      countPerAddressMax: config.unauthenticatedCountPerAddressMax,
      timeoutMs: config.unauthenticatedTimeoutMs,
    })
    const turnEnd = new TurnEnd(host.clock)
    this.shared = {
      services: this.services,
      turnEnd,
      requestMemory: new RequestMemory(config.requestMemoryBytes, turnEnd),
      receiveBuffer: Buffer.allocUnsafeSlow(receiveBufferBytes),
      framePool: new FramePool(config.receivePoolBytes, dependencies.poisonsMemory ?? false),
      writer: new Writer(answerSlabBytes),
      welcome: (connection) => this.newcomers.remove(connection),
      forget: (connection) => this.forget(connection),
    }
  }

  /** Connections that are open. */
  get connectionCount(): number {
    return this.connections.size
  }

  /** From now on requests are read: also those of connections that came before. */
  serve(): void {
    if (this.serving) return
    this.serving = true
    for (const socket of this.early) socket.resume()
    this.early.clear()
  }

  /**
   * Listens on one more address; may be called several times. Connections are taken at once, so that none is refused while
   * the broker joins its cluster; they wait for `serve`.
   * @returns the address with the port that was taken
   * @throws NetworkError
   */
  async start(address: Address): Promise<Address> {
    assert(!this.stopping, 'a stopped listener is not started again')
    const listener = await this.services.host.network.listen(address, (connection) => this.accept(connection))
    if (this.stopping) {
      await listener.close()
      throw new BrokerError('stopping')
    }
    this.listeners.push(listener)
    if (this.sweepTimer === undefined) this.scheduleSweep()
    return listener.address
  }

  /** Ends the connections of users who are gone. */
  disconnect(names: ReadonlySet<string>): void {
    for (const connection of this.connections) {
      const { type, name } = connection.authentication.principal
      if (type === userType && names.has(name)) connection.abort('the user was removed')
    }
  }

  /**
   * Accepts nothing more, answers what has been taken, and closes. Fetches that wait for data are answered at once.
   * What is not done after `timeoutMs` is cut off.
   */
  async stop({ timeoutMs }: { timeoutMs: number }): Promise<void> {
    if (this.stopping) return
    this.stopping = true
    this.sweepTimer?.cancel()
    await Promise.all(this.listeners.map((listener) => listener.close()))
    for (const connection of this.connections) connection.finish()
    await this.connectionsClosed(timeoutMs)
    this.services.produceDeadlines.close()
  }

  private connectionsClosed(timeoutMs: number): Promise<void> {
    if (this.connections.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = this.services.host.clock.startTimer(timeoutMs, () => {
        this.services.logger.warn('kafka connections cut off at shutdown', { count: this.connections.size })
        for (const connection of this.connections) connection.destroy()
      })
      this.allClosed = () => {
        timer.cancel()
        resolve()
      }
    })
  }

  private accept(socket: Connection): void {
    const {
      config,
      logger,
      metrics,
      host: { clock },
    } = this.services
    const { host } = socket.remote
    const fromAddress = this.connectionsByAddress.get(host) ?? 0
    // Those who have not said who they are cannot keep others out.
    const hasRoomThere = fromAddress < config.connectionCountPerAddressMax || this.newcomers.closeOldestFrom(host)
    const hasRoom = this.connections.size < config.connectionCountMax || this.newcomers.closeOldest()
    if (this.stopping || !hasRoom || !hasRoomThere) {
      metrics.connectionRefused()
      if (!this.stopping) {
        logger.warn('kafka connection refused: too many', { peer: host, fromAddress, inAll: this.connections.size })
      }
      socket.destroy()
      return
    }
    const connection = new KafkaConnection(this.shared, socket)
    this.connections.add(connection)
    this.connectionsByAddress.set(host, fromAddress + 1)
    if (!connection.authentication.mayServe) this.newcomers.add(connection, clock.monotonicMs())
    metrics.connectionOpened()
    socket.receive(connection)
    if (this.serving) return
    socket.pause()
    this.early.add(socket)
  }

  private forget(connection: KafkaConnection): void {
    if (!this.connections.delete(connection)) return
    this.newcomers.remove(connection)
    const { host } = connection.remote
    const left = this.connectionsByAddress.get(host)! - 1
    if (left === 0) this.connectionsByAddress.delete(host)
    else this.connectionsByAddress.set(host, left)
    this.services.metrics.connectionClosed()
    if (this.stopping && this.connections.size === 0) this.allClosed?.()
  }

  private scheduleSweep(): void {
    const { config, host, authenticator } = this.services
    const shortestMs = authenticator
      ? Math.min(config.connectionIdleMs, config.unauthenticatedTimeoutMs)
      : config.connectionIdleMs
    const intervalMs = Math.min(Math.max(shortestMs / 4, sweepIntervalMsMin), sweepIntervalMsMax)
    this.sweepTimer = host.clock.startTimer(intervalMs, () => {
      this.sweep(intervalMs)
      this.scheduleSweep()
    })
  }

  /** Takes spare memory from connections that have been quiet, and ends those that have been so for too long. */
  private sweep(quietMs: number): void {
    const { config, host, logger } = this.services
    const nowMs = host.clock.monotonicMs()
    this.sweepNewcomers(nowMs)
    for (const connection of this.connections) {
      const idleMs = nowMs - connection.lastReceivedMs
      if (idleMs < quietMs || !connection.idle) continue
      connection.trim()
      if (idleMs < config.connectionIdleMs) continue
      logger.debug('kafka connection closed: idle', { peer: connection.remote.host, idleMs: Math.round(idleMs) })
      connection.finish()
    }
  }

  /** One line of the log for all of them: they may be many. */
  private sweepNewcomers(nowMs: number): void {
    this.newcomers.closeLate(nowMs)
    const { closedCount } = this.newcomers
    const count = closedCount - this.newcomersReported
    this.newcomersReported = closedCount
    if (count > 0) this.services.logger.warn('kafka connections closed that had not logged in', { count })
  }
}
