import type { Connection } from '../network.ts'

/** An end of a connection, as the machine it stands on sees it. */
export interface MachineConnection {
  /** The process is gone; the system closes the connection for it. */
  abandon(): void
  /** The machine has lost power; the peer is told nothing. */
  forget(): void
  /** Something on the way to the machine called `peer` breaks the connection, if that is where it goes. */
  breakOff(peer: string): void
}

/** Who listens on a port. */
export interface PortListener {
  readonly accepted: (connection: Connection) => void
  readonly isSecured: boolean
}

/** The network state of one process: it ends with it. */
export interface NetworkProcess {
  dead: boolean
  readonly listeners: Map<number, PortListener>
  readonly connections: Set<MachineConnection>
}

/** A machine in the simulated network, by name and by address. */
export class SimulatedMachine {
  readonly name: string
  readonly address: string
  process = makeProcess()
  #powered = true
  #nextPort = 49_152
  #waiting: (() => void)[] = []

  constructor(name: string, address: string) {
    this.name = name
    this.address = address
  }

  get powered(): boolean {
    return this.#powered
  }

  takePort(): number {
    this.#nextPort = this.#nextPort === 65_535 ? 49_152 : this.#nextPort + 1
    return this.#nextPort
  }

  /** Runs `callback` now, or when there is power again. */
  whenPowered(callback: () => void): void {
    if (this.#powered) callback()
    else this.#waiting.push(callback)
  }

  killProcess(): void {
    const { connections } = this.#endProcess()
    for (const connection of connections) connection.abandon()
  }

  losePower(): void {
    this.#powered = false
    const { connections } = this.#endProcess()
    for (const connection of connections) connection.forget()
  }

  powerOn(): void {
    this.#powered = true
    for (const each of this.#waiting.splice(0)) each()
  }

  #endProcess(): NetworkProcess {
    const ended = this.process
    ended.dead = true
    this.process = makeProcess()
    return ended
  }
}

function makeProcess(): NetworkProcess {
  return { dead: false, listeners: new Map(), connections: new Set() }
}
