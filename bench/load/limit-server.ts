import { closeSync, fdatasync, openSync, writeSync, writevSync } from 'node:fs'
import { createServer, Socket } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { respond } from './limit-answers.ts'
import type { LimitSink } from './limit-answers.ts'
import { LimitLog } from './limit-log.ts'

const RECEIVE_BYTES = 8 * 1024 * 1024
/** Slices one writev takes on Linux (IOV_MAX). */
const VECTOR_MAX = 1024
/** Batches up to this size are copied together: one large piece is cheaper to write than many small ones. */
const COPY_BYTES_MAX = 4096
const STAGE_BYTES = 256 * 1024

export interface LimitServerOptions {
  readonly port: number
  /** The one file everything is appended to. */
  readonly file: string
  /** fdatasync before answering; what arrives meanwhile joins the next sync. */
  readonly sync: boolean
}

/**
 * The least a broker can do: receive Produce frames, append each turn's batches with one vectored write, answer. No CRC,
 * no index, no validation, no recovery. Reads are served from the first megabytes of each partition, kept in memory.
 * The ratio of a broker's figures to this server's is how much of the machine the broker uses.
 */
export class LimitServer {
  readonly #server: Server
  readonly #file: number
  readonly #sync: boolean
  readonly #log = new LimitLog()
  readonly #sockets = new Set<Connection>()
  readonly #pending: Uint8Array[] = []
  readonly #waiting = new Set<Connection>()
  #port: number | undefined
  #scheduled = false
  #syncing = false
  #stopped = false

  private constructor(server: Server, options: LimitServerOptions) {
    this.#server = server
    this.#sync = options.sync
    this.#file = openSync(options.file, 'w')
  }

  /** Listens on loopback; port 0 picks a free one. */
  static start(options: LimitServerOptions): Promise<LimitServer> {
    return new Promise((resolve, reject) => {
      // Paused, because `onread` cannot be given for accepted sockets: the handle moves into a socket that has it.
      const server = createServer({ pauseOnConnect: true }, (accepted) => limit.#accept(accepted))
      const limit: LimitServer = new LimitServer(server, options)
      server.once('error', reject)
      server.listen(options.port, '127.0.0.1', () => resolve(limit))
    })
  }

  /** Asked for once: the answer costs a system call. */
  get port(): number {
    return (this.#port ??= (this.#server.address() as AddressInfo).port)
  }

  /** Closes everything; further calls do nothing. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    for (const connection of this.#sockets) connection.socket.destroy()
    this.#server.close()
    if (!this.#syncing) closeSync(this.#file)
  }

  #accept(accepted: Socket): void {
    const { _handle: handle } = accepted as unknown as { _handle: object }
    const connection = new Connection(this.#pending)
    const options = {
      handle,
      onread: {
        buffer: () => connection.target(),
        callback: (size: number) => {
          connection.filled += size
          this.#receive(connection)
          return true
        },
      },
    }
    // The `handle` option exists in Node 24 and 26 but is not documented, hence the cast.
    connection.socket = new Socket(options as unknown as ConstructorParameters<typeof Socket>[0])
    connection.socket.setNoDelay(true)
    connection.socket.on('error', () => connection.socket.destroy())
    connection.socket.on('close', () => this.#sockets.delete(connection))
    this.#sockets.add(connection)
    connection.socket.resume()
  }

  #receive(connection: Connection): void {
    const buffer = connection.received
    while (connection.filled - connection.parsed >= 4) {
      const start = connection.parsed
      const end = start + 4 + buffer.readInt32BE(start)
      if (end > connection.filled) break
      respond(this.#log, buffer.subarray(start + 4, end), connection, this.port)
      connection.parsed = end
    }
    if (!connection.isWaiting) return
    this.#waiting.add(connection)
    // A connection whose buffer is nearly full cannot wait for the turn to end: its slices have to be written out first.
    if (!this.#sync && connection.parsed > RECEIVE_BYTES / 2) this.#flush()
    else this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled || this.#syncing) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  #append(): void {
    const pending = this.#pending
    if (small(pending)) writeSync(this.#file, Buffer.concat(pending))
    else for (let i = 0; i < pending.length; i += VECTOR_MAX) writevSync(this.#file, pending.slice(i, i + VECTOR_MAX))
    pending.length = 0
  }

  #flush(): void {
    if (this.#syncing || this.#stopped) return
    const wrote = this.#pending.length > 0
    this.#append()
    const answers = [...this.#waiting].map((connection) => ({ connection, bytes: connection.takeAnswers() }))
    this.#waiting.clear()
    if (!this.#sync || !wrote) {
      for (const { connection, bytes } of answers) connection.send(bytes)
      return
    }
    this.#syncing = true
    fdatasync(this.#file, (error) => {
      this.#syncing = false
      if (error) throw error
      if (this.#stopped) {
        closeSync(this.#file)
        return
      }
      for (const { connection, bytes } of answers) connection.send(bytes)
      if (this.#waiting.size > 0) this.#schedule()
    })
  }
}

function small(batches: readonly Uint8Array[]): boolean {
  return batches.length > 1 && batches.every((batch) => batch.length <= COPY_BYTES_MAX)
}

/** Receive buffer, unwritten batches and unsent answers of one client. */
class Connection implements LimitSink {
  socket = new Socket()
  received = Buffer.allocUnsafeSlow(RECEIVE_BYTES)
  filled = 0
  parsed = 0
  readonly #appended: Uint8Array[]
  readonly #answers: Uint8Array[] = []
  #stage = Buffer.allocUnsafeSlow(STAGE_BYTES)
  #staged = 0

  /** Batches to store go to `appended`, which the server writes out before it sends the answers. */
  constructor(appended: Uint8Array[]) {
    this.#appended = appended
  }

  get isWaiting(): boolean {
    return this.#answers.length > 0 || this.#staged > 0
  }

  append(batch: Buffer): void {
    this.#appended.push(batch)
  }

  answer(bytes: Uint8Array): void {
    this.#unstage()
    this.#answers.push(bytes)
  }

  answerCopy(bytes: Buffer): void {
    if (this.#staged + bytes.length > STAGE_BYTES) this.#unstage()
    this.#stage.set(bytes, this.#staged)
    this.#staged += bytes.length
  }

  /** Where the next read goes. Moves a partial frame to the front, or to a new buffer while slices are still unwritten. */
  target(): Buffer {
    if (this.filled === this.parsed && !this.isWaiting) {
      this.filled = 0
      this.parsed = 0
    } else if (RECEIVE_BYTES - this.filled < RECEIVE_BYTES / 4) {
      const rest = this.received.subarray(this.parsed, this.filled)
      if (this.isWaiting) this.received = Buffer.allocUnsafeSlow(RECEIVE_BYTES)
      this.received.set(rest)
      this.filled = rest.length
      this.parsed = 0
    }
    return this.received.subarray(this.filled)
  }

  /** Everything to send so far, in order; the connection starts over. */
  takeAnswers(): Uint8Array[] {
    this.#unstage()
    return this.#answers.splice(0)
  }

  send(answers: readonly Uint8Array[]): void {
    if (answers.length > 1) this.socket.cork()
    for (const answer of answers) this.socket.write(answer)
    if (answers.length > 1) this.socket.uncork()
  }

  #unstage(): void {
    if (this.#staged === 0) return
    this.#answers.push(Buffer.from(this.#stage.subarray(0, this.#staged)))
    this.#staged = 0
  }
}
