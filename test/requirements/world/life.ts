import { MetadataError } from '../../../packages/broker/src/cluster/metadata-error.ts'
import type { MetadataStore, WatchListener } from '../../../packages/broker/src/cluster/metadata-store.ts'
import type { Host } from '../../../packages/broker/src/host/host.ts'
import type { HttpListener, HttpServer } from '../../../packages/broker/src/host/http.ts'
import { NetworkError } from '../../../packages/broker/src/host/network.ts'
import type { Listener, Network } from '../../../packages/broker/src/host/network.ts'
import { createNodeHost } from '../../../packages/broker/src/host/node/node-host.ts'
import { NodeHttpServer } from '../../../packages/broker/src/host/node/node-http.ts'
import { mortalClock } from '../../../packages/broker/src/host/simulated/mortal-clock.ts'
import { Gate } from './gate.ts'
import { StallableDisk } from './stallable-disk.ts'

/**
 * One life of a broker: the real machine, with a hand on its disk and on its connections. Once killed it is like a process
 * after kill -9: connections break, nothing fires, nothing is written any more; what it wrote before stays.
 */
export class Life {
  readonly host: Host
  readonly http: HttpServer
  /** Undefined for a broker that has a store of its own. */
  readonly metadata: MetadataStore | undefined
  readonly disk: StallableDisk
  /** Connections that this broker has opened: those of a follower to its leaders. */
  readonly outgoing = new Gate()
  /** Connections of clients, and of other brokers that fetch from this one. */
  readonly incoming = new Gate()
  readonly #listeners = new Set<Listener>()
  readonly #httpListeners = new Set<HttpListener>()
  #isDead = false

  constructor(store: MetadataStore | undefined) {
    const real = createNodeHost()
    this.disk = new StallableDisk(real.disk)
    const clock = mortalClock(real.clock, () => this.#isDead)
    this.host = { ...real, clock, disk: this.disk, network: this.#network(real.network) }
    this.http = this.#httpServer(new NodeHttpServer())
    this.metadata = store && this.#line(store)
  }

  async kill(): Promise<void> {
    this.#isDead = true
    this.disk.die()
    this.outgoing.cut()
    this.incoming.cut()
    // Whoever is dialling finds that it is dead.
    this.outgoing.open()
    await Promise.all([...this.#listeners].map((listener) => listener.close()))
    await Promise.all([...this.#httpListeners].map((listener) => listener.close(0)))
  }

  #network(real: Network): Network {
    return {
      listen: async (address, accepted) => {
        const listener = await real.listen(address, (connection) => accepted(this.incoming.guard(connection)))
        this.#listeners.add(listener)
        return listener
      },
      connect: async (address, timeoutMs) => {
        await this.outgoing.passed()
        if (this.#isDead) throw new NetworkError('unreachable', 'the process is dead')
        const connection = this.outgoing.guard(await real.connect(address, timeoutMs))
        if (this.#isDead) connection.destroy()
        return connection
      },
    }
  }

  #httpServer(real: HttpServer): HttpServer {
    return {
      listen: async (address, handler, limits) => {
        const listener = await real.listen(address, handler, limits)
        this.#httpListeners.add(listener)
        return listener
      },
    }
  }

  #line(store: MetadataStore): MetadataStore {
    const call = async <T>(make: () => Promise<T>): Promise<T> => {
      this.#assertAlive()
      const made = await make()
      this.#assertAlive()
      return made
    }
    return {
      get: (key) => call(() => store.get(key)),
      range: (prefix, options) => call(() => store.range(prefix, options)),
      transaction: (transaction) => call(() => store.transaction(transaction)),
      watch: (prefix, fromRevision, listener: WatchListener) =>
        store.watch(prefix, fromRevision, (outcome) => {
          if (!this.#isDead) listener(outcome)
        }),
      grantLease: (ttlMs) => call(() => store.grantLease(ttlMs)),
      keepAlive: (id) => call(() => store.keepAlive(id)),
      revokeLease: (id) => call(() => store.revokeLease(id)),
      close: () => Promise.resolve(),
    }
  }

  #assertAlive(): void {
    if (this.#isDead) throw new MetadataError('closed', 'the process is dead')
  }
}
