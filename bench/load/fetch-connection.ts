import { crc32c } from '@node-rs/crc32'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connected } from './connected.ts'
import { fetchFrame } from './frame.ts'
import type { FetchRange } from './job.ts'

const BATCH_HEADER_BYTES = 61
const RECEIVE_BYTES_MIN = 256 * 1024
/** Kafka's own limit of a frame; a broker that announces more is not answering what was asked. */
const FRAME_BYTES_MAX = 104_857_600

export interface FetchEvents {
  /** A Fetch was answered: latency in milliseconds, bytes of record batches, records in them. */
  answered(latencyMs: number, bytes: number, records: number): void
  /** A partition was refused; what it throws fails the connection. */
  refused(errorCode: number): void
  /** Every range was read to its end. */
  finished(connection: FetchConnection): void
  failed(error: Error): void
}

interface Cursor {
  readonly range: FetchRange
  offset: number
}

/** One connection that reads its ranges with one Fetch in flight, as consumers do: the next offset is in the answer. */
export class FetchConnection {
  readonly #topic: string
  readonly #partitionBytesMax: number
  readonly #repeat: boolean
  readonly #events: FetchEvents
  readonly #socket: Socket
  #cursors: Cursor[]
  #received: Buffer
  #filled = 0
  #correlationId = 0
  #sentAtMs = 0
  #closing = false
  #stopping = false
  #checked = false

  private constructor(address: { host: string; port: number }, options: FetchOptions, events: FetchEvents) {
    this.#topic = options.topic
    this.#partitionBytesMax = options.partitionBytesMax
    this.#repeat = options.repeat
    this.#events = events
    this.#cursors = options.ranges.map((range) => ({ range, offset: range.from }))
    const expected = options.ranges.length * (options.partitionBytesMax + 4096)
    this.#received = Buffer.allocUnsafeSlow(Math.max(RECEIVE_BYTES_MIN, expected))
    this.#socket = connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      onread: { buffer: () => this.#received.subarray(this.#filled), callback: (size) => this.#read(size) },
    })
  }

  /** Connects; nothing is sent before `start`. */
  static async open(
    address: { host: string; port: number },
    options: FetchOptions,
    events: FetchEvents,
  ): Promise<FetchConnection> {
    const connection = new FetchConnection(address, options, events)
    await connected(connection.#socket, (error) => connection.#fail(error))
    return connection
  }

  start(): void {
    this.#send()
  }

  /** No further Fetch; `finished` is called once the one in flight is answered. */
  stop(): void {
    this.#stopping = true
  }

  close(): void {
    this.#closing = true
    this.#socket.destroy()
  }

  #send(): void {
    if (this.#stopping || this.#cursors.length === 0) {
      this.#events.finished(this)
      return
    }
    const positions = this.#cursors.map(({ range, offset }) => ({ partition: range.partition, offset }))
    this.#correlationId = (this.#correlationId + 1) & 0x7fff_ffff
    this.#sentAtMs = performance.now()
    this.#socket.write(fetchFrame(this.#topic, positions, this.#partitionBytesMax, this.#correlationId))
  }

  #read(size: number): boolean {
    this.#filled += size
    if (this.#filled < 4) return true
    const end = 4 + this.#received.readInt32BE(0)
    if (end < 4 + 4 || end > FRAME_BYTES_MAX) this.#fail(new Error(`an answer to Fetch claims ${end - 4} bytes`))
    else if (this.#filled < end) this.#makeRoom(end)
    else this.#answer(end)
    return !this.#closing
  }

  #makeRoom(size: number): void {
    if (this.#received.length >= size) return
    const grown = Buffer.allocUnsafeSlow(size)
    this.#received.copy(grown, 0, 0, this.#filled)
    this.#received = grown
  }

  #answer(end: number): void {
    const latencyMs = performance.now() - this.#sentAtMs
    try {
      // One request is in flight, so one frame is all there can be.
      if (this.#filled !== end) throw new RangeError('more bytes than the answer to one Fetch')
      this.#parse(latencyMs)
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)))
      return
    }
    this.#filled = 0
    this.#send()
  }

  /** Fetch response version 11: reads what the next request needs and skips the rest. */
  #parse(latencyMs: number): void {
    const frame = this.#received
    if (frame.readInt32BE(4) !== this.#correlationId)
      throw new Error('the answer to Fetch has a foreign correlation id')
    const errorCode = frame.readInt16BE(12)
    if (errorCode !== 0) throw new Error(`Fetch failed with error code ${errorCode}`)
    let bytes = 0
    let records = 0
    let position = 18
    const topics = frame.readInt32BE(position)
    position += 4
    for (let topic = 0; topic < topics; topic++) {
      position += 2 + frame.readInt16BE(position)
      const partitions = frame.readInt32BE(position)
      position += 4
      for (let i = 0; i < partitions; i++) {
        const partition = frame.readInt32BE(position)
        const partitionError = frame.readInt16BE(position + 4)
        const aborted = Math.max(0, frame.readInt32BE(position + 30))
        position += 34 + aborted * 16 + 4
        const size = Math.max(0, frame.readInt32BE(position))
        position += 4
        if (partitionError !== 0) this.#events.refused(partitionError)
        const cursor = this.#cursors.find((candidate) => candidate.range.partition === partition)
        if (cursor === undefined) throw new Error(`Fetch answered partition ${partition}, which was not asked for`)
        const read = this.#readBatches(cursor, position, position + size)
        records += read.records
        bytes += read.bytes
        position += size
      }
    }
    this.#events.answered(latencyMs, bytes, records)
    if (!this.#repeat) this.#cursors = this.#cursors.filter(({ range, offset }) => offset < (range.to ?? Infinity))
  }

  /** Walks the batch headers of one partition and moves its cursor behind the last complete batch. */
  #readBatches(cursor: Cursor, start: number, end: number): { bytes: number; records: number } {
    const frame = this.#received
    let position = start
    let records = 0
    let next = cursor.offset
    while (end - position >= BATCH_HEADER_BYTES) {
      const size = 12 + frame.readInt32BE(position + 8)
      if (size < BATCH_HEADER_BYTES) throw new Error(`a fetched batch claims ${size} bytes`)
      // Brokers cut at a byte limit, so the last batch may be torn.
      if (size > end - position) break
      if (!this.#checked) this.#check(position, size)
      const baseOffset = frame.readUInt32BE(position) * 2 ** 32 + frame.readUInt32BE(position + 4)
      next = baseOffset + frame.readInt32BE(position + 23) + 1
      records += frame.readInt32BE(position + 57)
      position += size
    }
    if (next < cursor.offset) throw new Error(`Fetch at offset ${cursor.offset} answered with records before it`)
    const { from, to } = cursor.range
    cursor.offset = this.#repeat && to !== undefined && next >= to ? from : next
    return { bytes: position - start, records }
  }

  /** The first batch of each connection is checked in full: a fast answer with wrong bytes is no answer. */
  #check(position: number, size: number): void {
    this.#checked = true
    const crc = this.#received.readUInt32BE(position + 17)
    if (this.#received[position + 16] !== 2) throw new Error('a fetched batch is not of format v2')
    if (crc32c(this.#received.subarray(position + 21, position + size)) !== crc)
      throw new Error('a fetched batch has a wrong CRC')
  }

  #fail(error: Error): void {
    if (this.#closing) return
    this.close()
    this.#events.failed(error)
  }
}

export interface FetchOptions {
  readonly topic: string
  readonly ranges: readonly FetchRange[]
  readonly partitionBytesMax: number
  readonly repeat: boolean
}
