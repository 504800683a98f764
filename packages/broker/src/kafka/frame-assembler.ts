import type { FrameMemory, FramePool } from '../host/frame-memory.ts'

/** Frames up to this size are handled out of shared or staging memory; larger ones get a buffer of their own. */
export const smallFrameBytesMax = 64 * 1024

/**
 * A large frame's new buffer may hold this many times the bytes that have arrived: never what the size field promises. So
 * large a step is harmless because memory that nobody has written to is not resident yet, and it saves copies: 64 KiB
 * lead to a whole MiB.
 */
const growthFactor = 16

/** Below this many missing bytes a read of its own would cost more than copying them out of the shared buffer. */
const directReadBytesMin = 16 * 1024

const sizeBytes = 4
const stagingBytesMin = 1024

/** Where whole frames go. */
export interface FrameSink {
  /**
   * One frame, `bytes` from `start` to `end`, without its size field. Must be done with the memory when it returns,
   * unless there is `memory`, which the sink then holds: nobody else will write to it until it lets go.
   * @returns false to get no more frames until {@link FrameAssembler.resume}
   */
  frame(bytes: Buffer, start: number, end: number, memory: FrameMemory | undefined): boolean

  /** The size field is negative or above the limit. No more calls follow. */
  invalidSize(size: number): void
}

/**
 * Cuts one connection's byte stream into length-prefixed frames.
 *
 * Bytes are received into a buffer that all connections share. Whole small frames are handed on right there. The start
 * of a frame whose rest has not come is copied to `staging`, which grows with what arrived. A large frame moves to memory
 * of the pool, most of it is then received in place. If there is none to use again, its buffer grows in steps of
 * {@link growthFactor} until it is large enough.
 */
export class FrameAssembler {
  /** Larger frames are impossible; may be raised at any time. */
  frameBytesMax: number
  private readonly shared: Buffer
  private readonly pool: FramePool
  private readonly sink: FrameSink

  /** Bytes that wait for more (less than a small frame) or, while stopped, for `resume`: from start to end. */
  private staging: Buffer = Buffer.alloc(0)
  private stagedStart = 0
  private stagedEnd = 0

  private large: Buffer | undefined
  /** What `large` belongs to once it is large enough for the frame. */
  private largeMemory: FrameMemory | undefined
  private largeBytes = 0
  private largeSize = 0
  /** Whether the last `buffer()` was part of `large`. */
  private direct = false

  private stopped = false
  private closed = false

  constructor(shared: Buffer, pool: FramePool, frameBytesMax: number, sink: FrameSink) {
    this.shared = shared
    this.pool = pool
    this.frameBytesMax = frameBytesMax
    this.sink = sink
  }

  /** Bytes kept for later while stopped; the owner pauses the connection when they get many. */
  get heldBytes(): number {
    return this.stopped ? this.stagedEnd - this.stagedStart : 0
  }

  /** Where the next bytes shall be put. */
  buffer(): Buffer {
    this.direct = false
    if (this.large === undefined || this.largeSize - this.largeBytes < directReadBytesMin) return this.shared
    this.direct = true
    if (this.largeBytes === this.large.length) this.growLarge(this.largeBytes)
    return this.large.subarray(this.largeBytes, this.largeSize)
  }

  /** `count` bytes now stand at the start of the last buffer given. */
  received(count: number): void {
    if (this.closed) return
    if (this.direct) {
      this.largeBytes += count
      if (this.largeBytes === this.largeSize) this.finishLarge()
      return
    }
    let at = 0
    if (this.large !== undefined) at = this.fillLarge(this.shared, 0, count)
    else if (this.stagedEnd > 0 && !this.stopped) at = this.completeStaged(count)
    at = this.cut(this.shared, at, count)
    if (at < count && !this.closed) this.keep(this.shared, at, count)
  }

  /** Hands out no more frames until `resume`, except a large one that is already on its way. */
  stop(): void {
    this.stopped = true
  }

  /** Goes on with what was held. */
  resume(): void {
    if (!this.stopped || this.closed) return
    this.stopped = false
    const { staging, stagedStart, stagedEnd } = this
    const at = this.cut(staging, stagedStart, stagedEnd)
    if (this.closed) return
    if (this.stopped && at < stagedEnd) {
      // Stopped again: what is left stays where it is, or a long queue of small requests would be moved once for each.
      this.stagedStart = at
      return
    }
    this.emptyStaging()
    if (at < stagedEnd) this.keep(staging, at, stagedEnd)
  }

  /** No more frames come out, and memory is let go. */
  close(): void {
    this.closed = true
    // Memory of a frame that is not complete does not go back to the pool: the network may still write to it.
    this.large = undefined
    this.largeMemory = undefined
    this.direct = false
    this.staging = Buffer.alloc(0)
    this.emptyStaging()
  }

  /** Gives staging memory back that an idle connection does not use. */
  trim(): void {
    if (this.stagedEnd === 0) this.staging = Buffer.alloc(0)
  }

  /** Hands on the whole frames in the range. Returns where it stopped. */
  private cut(bytes: Buffer, start: number, end: number): number {
    let at = start
    while (!this.stopped && !this.closed && end - at >= sizeBytes) {
      const size = this.checkedSize(bytes, at)
      const next = at + sizeBytes + size
      if (size < 0 || next > end) break
      this.deliver(bytes, at + sizeBytes, next, undefined)
      at = next
    }
    return at
  }

  /** Completes the frame whose start is staged with bytes from the shared buffer. Returns how many it took. */
  private completeStaged(count: number): number {
    let at = 0
    if (this.stagedEnd < sizeBytes) {
      at = Math.min(sizeBytes - this.stagedEnd, count)
      this.stage(this.shared, 0, at)
      if (this.stagedEnd < sizeBytes) return at
    }
    const size = this.checkedSize(this.staging, 0)
    if (size < 0) return count
    if (size > smallFrameBytesMax) {
      this.startLarge(size, this.staging, sizeBytes, this.stagedEnd)
      this.emptyStaging()
      return this.fillLarge(this.shared, at, count)
    }
    const missing = sizeBytes + size - this.stagedEnd
    const taken = Math.min(missing, count - at)
    this.stage(this.shared, at, at + taken)
    if (taken === missing) {
      this.emptyStaging()
      this.deliver(this.staging, sizeBytes, sizeBytes + size, undefined)
    }
    return at + taken
  }

  /** Keeps an incomplete frame, or anything at all while stopped. */
  private keep(bytes: Buffer, start: number, end: number): void {
    if (!this.stopped && end - start >= sizeBytes) {
      const size = this.checkedSize(bytes, start)
      if (size < 0) return
      if (size > smallFrameBytesMax) {
        this.startLarge(size, bytes, start + sizeBytes, end)
        return
      }
    }
    this.stage(bytes, start, end)
  }

  private stage(bytes: Buffer, start: number, end: number): void {
    const staged = this.stagedEnd - this.stagedStart
    const needed = staged + end - start
    if (this.stagedEnd + end - start > this.staging.length) {
      const fits = needed <= this.staging.length
      const target = fits ? this.staging : Buffer.allocUnsafeSlow(Math.max(stagingBytesMin, 2 * staged, needed))
      this.staging.copy(target, 0, this.stagedStart, this.stagedEnd)
      this.staging = target
      this.stagedStart = 0
      this.stagedEnd = staged
    }
    this.stagedEnd += bytes.copy(this.staging, this.stagedEnd, start, end)
  }

  private emptyStaging(): void {
    this.stagedStart = 0
    this.stagedEnd = 0
  }

  private startLarge(size: number, bytes: Buffer, start: number, end: number): void {
    this.largeSize = size
    this.largeMemory = this.pool.takeUsed(size)
    this.large = this.largeMemory?.bytes ?? this.makeLarge(Math.max(smallFrameBytesMax, growthFactor * (end - start)))
    this.largeBytes = bytes.copy(this.large, 0, start, end)
  }

  private fillLarge(bytes: Buffer, start: number, end: number): number {
    const taken = Math.min(this.largeSize - this.largeBytes, end - start)
    this.growLarge(this.largeBytes + taken)
    bytes.copy(this.large!, this.largeBytes, start, start + taken)
    this.largeBytes += taken
    if (this.largeBytes === this.largeSize) this.finishLarge()
    return start + taken
  }

  /** Makes room for `arrived` bytes and some more. */
  private growLarge(arrived: number): void {
    const large = this.large!
    if (arrived < large.length || this.largeMemory !== undefined) return
    const grown = this.makeLarge(growthFactor * arrived)
    large.copy(grown, 0, 0, this.largeBytes)
    this.large = grown
  }

  private makeLarge(capacity: number): Buffer {
    if (capacity < this.largeSize) return Buffer.allocUnsafeSlow(capacity)
    this.largeMemory = this.pool.make(this.largeSize)
    return this.largeMemory.bytes
  }

  private finishLarge(): void {
    const memory = this.largeMemory!
    this.large = undefined
    this.largeMemory = undefined
    this.direct = false
    this.deliver(memory.bytes, 0, this.largeSize, memory)
  }

  private deliver(bytes: Buffer, start: number, end: number, memory: FrameMemory | undefined): void {
    if (!this.sink.frame(bytes, start, end, memory)) this.stopped = true
  }

  /** The size at `at`, or -1 after an impossible one has been reported. */
  private checkedSize(bytes: Buffer, at: number): number {
    const size = bytes.readInt32BE(at)
    if (size >= 0 && size <= this.frameBytesMax) return size
    this.close()
    this.sink.invalidSize(size)
    return -1
  }
}
