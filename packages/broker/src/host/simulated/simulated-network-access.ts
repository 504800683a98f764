import type { Address, Connection, Listener, Network } from '../network.ts'
import { NetworkError } from '../network.ts'
import type { TlsDialOptions, TlsListenOptions } from '../tls.ts'
import { PacketLane } from './network-link.ts'
import type { NetworkLink } from './network-link.ts'
import type { Scheduler } from './scheduler.ts'
import { SimulatedConnection } from './simulated-connection.ts'
import type { NetworkProcess, SimulatedMachine } from './simulated-machine.ts'

/** What a machine can see of the network around it. */
export interface Surroundings {
  link(source: string, target: string): NetworkLink
  find(host: string): SimulatedMachine | undefined
}

const ownHosts = ['localhost', '127.0.0.1', '::1']
const anyHosts = ['', '0.0.0.0', '::']

/**
 * The simulated network as one process sees it. Once the process is dead each call is a bug of the simulation. There are
 * no certificates here, but whoever dials must want TLS if and only if the listener does.
 */
export class SimulatedNetworkAccess implements Network {
  readonly #scheduler: Scheduler
  readonly #machine: SimulatedMachine
  readonly #surroundings: Surroundings
  readonly #process: NetworkProcess

  constructor(scheduler: Scheduler, machine: SimulatedMachine, surroundings: Surroundings) {
    this.#scheduler = scheduler
    this.#machine = machine
    this.#surroundings = surroundings
    this.#process = machine.process
  }

  async listen(
    address: Address,
    accepted: (connection: Connection) => void,
    tls?: TlsListenOptions,
  ): Promise<Listener> {
    this.#checkAlive()
    const { listeners } = this.#process
    const what = `cannot listen on ${address.host}:${address.port}`
    if (!anyHosts.includes(address.host) && this.#find(address.host) !== this.#machine) {
      throw new NetworkError('unknown-host', `${what}: not an address of ${this.#machine.name}`)
    }
    if (listeners.has(address.port)) throw new NetworkError('in-use', `${what}: the port is already in use`)
    let port = address.port
    while (port === 0 || listeners.has(port)) port = this.#machine.takePort()
    const listener = { accepted, isSecured: tls !== undefined }
    listeners.set(port, listener)
    return {
      address: { host: address.host, port },
      close: async () => {
        if (listeners.get(port) === listener) listeners.delete(port)
      },
    }
  }

  connect(address: Address, timeoutMs: number, tls?: TlsDialOptions): Promise<Connection> {
    this.#checkAlive()
    return new Promise((resolve, reject) => {
      const what = `cannot connect to ${address.host}:${address.port}`
      let open = true
      const settle = (outcome: () => void): boolean => {
        if (!open) return false
        open = false
        timeout.cancel()
        if (!this.#process.dead) outcome()
        return !this.#process.dead
      }
      const fail = (kind: 'refused' | 'unreachable' | 'timed-out' | 'tls', reason: string): void => {
        settle(() => reject(new NetworkError(kind, `${what}: ${reason}`)))
      }
      const timeout = this.#scheduler.schedule(timeoutMs, `${this.#machine.name} dial timeout`, () =>
        fail('timed-out', `no answer within ${timeoutMs} ms`),
      )
      const target = this.#find(address.host)
      if (target === undefined) {
        this.#scheduler.schedule(0, `${this.#machine.name} unknown host`, () => fail('unreachable', 'no such host'))
        return
      }
      this.#dial(target, address.port, {
        isSecured: tls !== undefined,
        refused: () => fail('refused', 'nobody listens'),
        misunderstood: () => fail('tls', 'one side speaks TLS and the other does not'),
        established: (make) => settle(() => resolve(make())),
      })
    })
  }

  /** The three packets of a TCP handshake, each of which may be held up by a cut. */
  #dial(target: SimulatedMachine, port: number, dialler: Dialler): void {
    const there = new PacketLane(this.#scheduler, this.#surroundings.link(this.#machine.name, target.name))
    const back = new PacketLane(this.#scheduler, this.#surroundings.link(target.name, this.#machine.name))
    there.send(0, 'dial', () => {
      target.whenPowered(() => {
        const asked = target.process
        const listener = asked.listeners.get(port)
        if (listener === undefined) return back.send(0, 'refusal', dialler.refused)
        if (listener.isSecured !== dialler.isSecured) return back.send(0, 'refusal', dialler.misunderstood)
        back.send(0, 'welcome', () => dialler.established(() => this.#establish(target, asked, port, there, back)))
      })
    })
  }

  #establish(
    target: SimulatedMachine,
    asked: NetworkProcess,
    port: number,
    there: PacketLane,
    back: PacketLane,
  ): Connection {
    const local = { host: this.#machine.address, port: this.#machine.takePort() }
    const remote = { host: target.address, port }
    const dialled = new SimulatedConnection(this.#scheduler, this.#machine, this.#process, there, { local, remote })
    const answered = new SimulatedConnection(this.#scheduler, target, asked, back, { local: remote, remote: local })
    SimulatedConnection.join(dialled, answered)
    there.send(0, 'established', () => {
      const listener = asked.listeners.get(port)
      if (asked.dead || listener === undefined) answered.refuse()
      else listener.accepted(answered)
    })
    return dialled
  }

  #find(host: string): SimulatedMachine | undefined {
    return ownHosts.includes(host) ? this.#machine : this.#surroundings.find(host)
  }

  #checkAlive(): void {
    if (this.#process.dead) throw new Error('a dead process used its network')
  }
}

interface Dialler {
  readonly isSecured: boolean
  readonly refused: () => void
  readonly misunderstood: () => void
  readonly established: (make: () => Connection) => void
}
