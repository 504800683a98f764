import type { Connection, Receiver } from '../../../packages/broker/src/host/network.ts'

/** What stands between one broker and others: shut, it holds back all that comes and goes; cut, that is lost as well. */
export class Gate {
  readonly #connections = new Set<GatedConnection>()
  #waiting: (() => void)[] = []
  #isShut = false
  /** At the next write its connection breaks instead: what was written never arrives. */
  breaksAtNextWrite = false

  get isShut(): boolean {
    return this.#isShut
  }

  /** Holds back everything in both directions; nothing is lost. */
  shut(): void {
    this.#isShut = true
    for (const connection of this.#connections) connection.hold()
  }

  /** Breaks every connection with what is on its way, and lets nobody dial anew. */
  cut(): void {
    this.#isShut = true
    for (const connection of this.#connections) connection.destroy()
  }

  /** What was held back goes on. */
  open(): void {
    this.#isShut = false
    for (const connection of this.#connections) connection.release()
    for (const go of this.#waiting.splice(0)) go()
  }

  /** Resolves when the gate is open: whoever dials has to wait as well. */
  async passed(): Promise<void> {
    while (this.#isShut) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  guard(inner: Connection): Connection {
    const connection = new GatedConnection(inner, this)
    this.#connections.add(connection)
    return connection
  }

  forget(connection: GatedConnection): void {
    this.#connections.delete(connection)
  }
}

class GatedConnection implements Connection {
  readonly #inner: Connection
  readonly #gate: Gate
  /** Calls that wait for the gate, in their order. */
  #held: (() => void)[] = []
  #isPaused = false
  #isReceiving = false

  constructor(inner: Connection, gate: Gate) {
    this.#inner = inner
    this.#gate = gate
  }

  get remote() {
    return this.#inner.remote
  }

  get local() {
    return this.#inner.local
  }

  receive(receiver: Receiver): void {
    this.#inner.receive({
      buffer: () => receiver.buffer(),
      received: (count) => receiver.received(count),
      drained: () => receiver.drained(),
      closed: (error) => {
        this.#gate.forget(this)
        this.#flush()
        receiver.closed(error)
      },
    })
    this.#isReceiving = true
    if (this.#gate.isShut) this.#inner.pause()
  }

  write(chunks: readonly Uint8Array[], written?: () => void): void {
    if (this.#gate.breaksAtNextWrite) {
      this.#gate.breaksAtNextWrite = false
      this.#inner.destroy()
    }
    if (this.#gate.isShut) this.#held.push(() => this.#inner.write(chunks, written))
    else this.#inner.write(chunks, written)
  }

  pendingBytes(): number {
    return this.#inner.pendingBytes()
  }

  pause(): void {
    this.#isPaused = true
    this.#inner.pause()
  }

  resume(): void {
    this.#isPaused = false
    if (!this.#gate.isShut) this.#inner.resume()
  }

  end(): void {
    if (this.#gate.isShut) this.#held.push(() => this.#inner.end())
    else this.#inner.end()
  }

  destroy(): void {
    this.#inner.destroy()
    // A connection that is closed takes no bytes any more, but says of each write that it is done with.
    this.#flush()
  }

  hold(): void {
    if (this.#isReceiving) this.#inner.pause()
  }

  release(): void {
    this.#flush()
    if (this.#isReceiving && !this.#isPaused) this.#inner.resume()
  }

  #flush(): void {
    for (const call of this.#held.splice(0)) call()
  }
}
