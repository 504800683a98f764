import type { Address, Connection, Receiver } from '../network.ts'
import { NetworkError } from '../network.ts'
import type { PacketLane } from './network-link.ts'
import { OutgoingBytes } from './outgoing-bytes.ts'
import type { ScheduledEvent, Scheduler } from './scheduler.ts'
import type { MachineConnection, NetworkProcess, SimulatedMachine } from './simulated-machine.ts'

/** Bytes the systems of both sides hold for one direction before the writer has to wait. */
const windowBytes = 256 * 1024
const acknowledgedBytesMin = 64 * 1024
const segmentBytesMax = 64 * 1024

/** As in the real network: an ended connection that gets no further is cut. */
const lingerMs = 5000

const notedBytesMax = 256

/** One end of a simulated TCP connection. */
export class SimulatedConnection implements Connection, MachineConnection {
  readonly local: Address
  readonly remote: Address
  readonly #scheduler: Scheduler
  readonly #machine: SimulatedMachine
  readonly #lane: PacketLane
  readonly #process: NetworkProcess
  #peer: SimulatedConnection | undefined
  #receiver: Receiver | undefined
  readonly #outgoing = new OutgoingBytes()
  readonly #incoming: Uint8Array[] = []
  readonly #callbacks: (() => void)[] = []
  #windowFree = windowBytes
  #consumed = 0
  #paused = false
  #delivering = false
  #piledUp = false
  /** `end` or `destroy` was called, or the peer has ended: nothing is written or received any more. */
  #closing = false
  #endSent = false
  #endArrived = false
  /** The end exists no more; what still arrives for it is answered by a reset. */
  #gone = false
  #told = false
  #error: Error | undefined
  #linger: ScheduledEvent | undefined

  constructor(
    scheduler: Scheduler,
    machine: SimulatedMachine,
    process: NetworkProcess,
    lane: PacketLane,
    ends: { local: Address; remote: Address },
  ) {
    this.#scheduler = scheduler
    this.#machine = machine
    this.#process = process
    this.#lane = lane
    this.local = ends.local
    this.remote = ends.remote
    this.#process.connections.add(this)
  }

  /** Joins two ends, before either is used. */
  static join(one: SimulatedConnection, other: SimulatedConnection): void {
    one.#peer = other
    other.#peer = one
  }

  receive(receiver: Receiver): void {
    if (this.#receiver !== undefined) throw new Error('receive was called twice')
    this.#receiver = receiver
    this.#soon('receive', () => (this.#gone ? this.#tellClosed() : this.#deliver()))
  }

  write(chunks: readonly Uint8Array[], written?: () => void): void {
    if (this.#process.dead) throw new Error('a dead process used its connection')
    if (this.#closing || this.#gone) {
      if (written !== undefined) this.#soon('written', written)
      return
    }
    this.#outgoing.add(chunks, written)
    this.#pump()
    if (this.#outgoing.count > 0) this.#piledUp = true
  }

  pendingBytes(): number {
    return this.#outgoing.count
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#soon('resume', () => this.#deliver())
  }

  end(): void {
    if (this.#closing || this.#gone) return
    this.#closing = true
    this.#discardIncoming()
    this.#pump()
    this.#startLinger(this.#outgoing.count)
    this.#endIfOver()
  }

  destroy(): void {
    if (this.#gone) return
    this.abandon()
    this.#soon('closed', () => this.#tellClosed())
  }

  abandon(): void {
    const unread = this.#incoming.length > 0
    this.forget()
    // A system that has to throw input away says so to the peer; without any, it only ends its side.
    if (unread) this.#send(0, 'reset', (peer) => peer.#resetArrived())
    else if (!this.#endSent) this.#send(0, 'end', (peer) => peer.#endHasArrived())
  }

  forget(): void {
    this.#gone = true
    this.#closing = true
    this.#incoming.length = 0
    this.#linger?.cancel()
    this.#process.connections.delete(this)
    this.#outgoing.drop((written) => this.#soon('written', written))
  }

  breakOff(peer: string): void {
    if (this.#peer!.#machine.name === peer) this.#soon('broken', () => this.#resetArrived())
  }

  /** The listener is gone since it was dialled. */
  refuse(): void {
    this.forget()
    this.#send(0, 'reset', (peer) => peer.#resetArrived())
  }

  #send(bytes: number, label: string, arrive: (peer: SimulatedConnection) => void): void {
    const peer = this.#peer!
    this.#lane.send(bytes, label, () => {
      if (!peer.#gone) arrive(peer)
      // A machine without power hears nothing, but the sender tries again until it is back and knows the connection no more.
      else if (label === 'data') peer.#machine.whenPowered(() => peer.#send(0, 'reset', (back) => back.#resetArrived()))
    })
  }

  #pump(): void {
    for (;;) {
      const count = this.#outgoing.oldestCount()
      if (count === undefined || (count > 0 && this.#windowFree === 0)) break
      const max = this.#lane.link.pieceOf(Math.min(count, this.#windowFree, segmentBytesMax))
      const bytes = this.#outgoing.take(max, (written) => this.#soon('written', written))
      if (bytes.length === 0) continue
      this.#windowFree -= bytes.length
      this.#scheduler.note(this.#lane.link.label, bytes.subarray(0, notedBytesMax))
      this.#send(bytes.length, 'data', (peer) => peer.#dataArrived(bytes))
    }
    if (this.#outgoing.count > 0) return
    if (this.#piledUp) {
      this.#piledUp = false
      this.#soon('drained', () => {
        if (!this.#closing && this.#outgoing.count === 0) this.#receiver?.drained()
      })
    }
    if (this.#closing && !this.#endSent) {
      this.#endSent = true
      this.#send(0, 'end', (peer) => peer.#endHasArrived())
    }
  }

  #dataArrived(bytes: Uint8Array): void {
    if (this.#closing) return this.#acknowledge(bytes.length)
    this.#incoming.push(bytes)
    this.#deliver()
  }

  #endHasArrived(): void {
    this.#endArrived = true
    this.#deliver()
  }

  #resetArrived(): void {
    if (this.#gone) return
    this.forget()
    this.#error = new NetworkError(
      'reset',
      `connection with ${this.remote.host}:${this.remote.port}: reset by the peer`,
    )
    this.#tellClosed()
  }

  /** Hands on what has arrived, in pieces as large as the receiver's buffers. */
  #deliver(): void {
    const receiver = this.#receiver
    if (receiver === undefined || this.#delivering) return
    this.#delivering = true
    while (!this.#paused && !this.#closing && this.#incoming.length > 0) {
      const bytes = this.#incoming[0]!
      const target = receiver.buffer()
      if (target.length === 0) throw new Error('the receiver gave an empty buffer')
      const count = Math.min(target.length, bytes.length)
      target.set(bytes.subarray(0, count))
      if (count === bytes.length) this.#incoming.shift()
      else this.#incoming[0] = bytes.subarray(count)
      this.#acknowledge(count)
      receiver.received(count)
    }
    this.#delivering = false
    if (this.#endArrived && this.#incoming.length === 0 && (!this.#paused || this.#closing)) {
      this.end()
      this.#endIfOver()
    }
  }

  /** Gives the peer leave to send as much again. Both ways have to work for that. */
  #acknowledge(count: number): void {
    this.#consumed += count
    if (this.#consumed < acknowledgedBytesMin) return
    const consumed = this.#consumed
    this.#consumed = 0
    this.#send(0, 'acknowledgement', (peer) => {
      peer.#windowFree += consumed
      peer.#pump()
    })
  }

  #discardIncoming(): void {
    for (const bytes of this.#incoming.splice(0)) this.#acknowledge(bytes.length)
  }

  #endIfOver(): void {
    if (this.#gone || !this.#endSent || !this.#endArrived) return
    this.forget()
    this.#soon('closed', () => this.#tellClosed())
  }

  #startLinger(outgoingCount: number): void {
    this.#linger = this.#scheduler.schedule(lingerMs, this.#lane.link.labelOf('linger'), () => {
      if (this.#outgoing.count < outgoingCount) this.#startLinger(this.#outgoing.count)
      else this.destroy()
    })
  }

  #tellClosed(): void {
    if (this.#told || this.#receiver === undefined || this.#process.dead) return
    this.#told = true
    this.#receiver.closed(this.#error)
  }

  /** Calls back in an event of its own, as the real network never calls back from within a call. In order. */
  #soon(label: string, callback: () => void): void {
    this.#callbacks.push(callback)
    this.#scheduler.schedule(0, this.#lane.link.labelOf(label), () => {
      const oldest = this.#callbacks.shift()!
      if (!this.#process.dead) oldest()
    })
  }
}
