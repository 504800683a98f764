import type { Connection, Receiver } from '../../../packages/broker/src/host/network.ts'

/** For all channels: what has arrived is copied at once. */
const buffer = Buffer.alloc(64 * 1024)

/** Sends and receives JSON values over a connection, one a line. */
export class LineChannel implements Receiver {
  readonly #connection: Connection
  readonly #got: (value: unknown) => void
  readonly #lost: () => void
  #pieces: Buffer[] = []
  #isOpen = true

  constructor(connection: Connection, got: (value: unknown) => void, lost: () => void) {
    this.#connection = connection
    this.#got = got
    this.#lost = lost
    connection.receive(this)
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  send(value: unknown): void {
    if (this.#isOpen) this.#connection.write([Buffer.from(`${JSON.stringify(value)}\n`)])
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#connection.destroy()
    this.#lost()
  }

  buffer(): Uint8Array {
    return buffer
  }

  received(count: number): void {
    let rest = Buffer.from(buffer.subarray(0, count))
    for (let end = rest.indexOf(10); end >= 0 && this.#isOpen; end = rest.indexOf(10)) {
      const line = Buffer.concat([...this.#pieces, rest.subarray(0, end)])
      this.#pieces = []
      rest = rest.subarray(end + 1)
      this.#got(JSON.parse(line.toString()))
    }
    if (rest.length > 0) this.#pieces.push(rest)
  }

  drained(): void {}

  closed(): void {
    this.close()
  }
}
