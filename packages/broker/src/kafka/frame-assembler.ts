/** Frames up to this size are handled out of shared or staging memory; larger ones get a buffer of their own. */
export const smallFrameBytesMax = 64 * 1024

/**
 * A large frame's buffer may hold this many times the bytes that have arrived: never what the size field promises. So
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
   * unless `owned`: then nobody will write to it any more.
   * @returns false to get no more frames until {@link FrameAssembler.resume}
   */
  frame(bytes: Buffer, start: number, end: number, owned: boolean): boolean

  /** The size field is negative or above the limit. No more calls follow. */
  invalidSize(size: number): void
}

/**
 * Cuts one connection's byte stream into length-prefixed frames.
 *
 * Bytes are received into a buffer that all connections share. Whole small frames are handed on right there. The start
 * of a frame whose rest has not come is copied to `staging`, which grows with what arrived. A large frame moves to a
 * buffer that grows in steps of {@link growthFactor} until it has the exact size; most of it is then received in place.
 */
export class FrameAssembler {
  private readonly shared: Buffer
  private readonly frameBytesMax: number
  private readonly sink: FrameSink

  /** Bytes that wait for more (less than a small frame) or, while stopped, for `resume`: from start to end. */
  private staging: Buffer = Buffer.alloc(0)
  private stagedStart = 0
  private stagedEnd = 0

  private large: Buffer | undefined
  private largeBytes = 0
  private largeSize = 0
  /** Whether the last `buffer()` was part of `large`. */
  private direct = false

  private stopped = false
  private closed = false

  constructor(shared: Buffer, frameBytesMax: number, sink: FrameSink) {
    this.shared = shared
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
    return this.large.subarray(this.largeBytes)
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
    this.large = undefined
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
      this.deliver(bytes, at + sizeBytes, next, false)
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
      this.deliver(this.staging, sizeBytes, sizeBytes + size, false)
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
    this.large = Buffer.allocUnsafeSlow(Math.min(size, Math.max(smallFrameBytesMax, growthFactor * (end - start))))
    this.largeSize = size
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
    if (arrived < large.length || large.length === this.largeSize) return
    const grown = Buffer.allocUnsafeSlow(Math.min(this.largeSize, growthFactor * arrived))
    large.copy(grown, 0, 0, this.largeBytes)
    this.large = grown
  }

  private finishLarge(): void {
    const frame = this.large!
    this.large = undefined
    this.direct = false
    this.deliver(frame, 0, this.largeSize, true)
  }

  private deliver(bytes: Buffer, start: number, end: number, owned: boolean): void {
    if (!this.sink.frame(bytes, start, end, owned)) this.stopped = true
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
