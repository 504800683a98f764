import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { FramePool } from '../host/frame-memory.ts'
import type { FrameMemory } from '../host/frame-memory.ts'
import { FrameAssembler, smallFrameBytesMax } from './frame-assembler.ts'

const frameBytesMax = 1_000_000

interface Seen {
  bytes: Buffer
  memory: FrameMemory | undefined
}

/** Feeds a stream to an assembler as a socket would, in pieces of the given sizes, over and over. */
class Feed {
  readonly shared: Buffer
  readonly seen: Seen[] = []
  readonly invalid: number[] = []
  /** Frames after which the sink stops the assembler. */
  stopAfter: ReadonlySet<number> = new Set()
  readonly pool = new FramePool(10 * frameBytesMax, true)
  readonly assembler: FrameAssembler

  constructor(sharedBytes = 256 * 1024) {
    this.shared = Buffer.alloc(sharedBytes)
    this.assembler = new FrameAssembler(this.shared, this.pool, frameBytesMax, {
      frame: (bytes, start, end, memory) => {
        const view = bytes.subarray(start, end)
        this.seen.push({ bytes: memory === undefined ? Buffer.from(view) : view, memory })
        return !this.stopAfter.has(this.seen.length)
      },
      invalidSize: (size) => this.invalid.push(size),
    })
  }

  send(stream: Buffer, pieceSizes: readonly number[]): void {
    let at = 0
    for (let piece = 0; at < stream.length; piece++) {
      const target = this.assembler.buffer()
      assert.ok(target.length > 0)
      const count = Math.min(pieceSizes[piece % pieceSizes.length]!, target.length, stream.length - at)
      stream.copy(target, 0, at, at + count)
      at += count
      this.assembler.received(count)
    }
  }
}

function frame(size: number, fill: number): Buffer {
  const bytes = Buffer.alloc(4 + size, fill)
  bytes.writeInt32BE(size, 0)
  return bytes
}

describe('FrameAssembler', () => {
  const sizes = fc.array(fc.oneof(fc.nat(300), fc.nat(70_000), fc.integer({ min: 60_000, max: 400_000 })), {
    minLength: 1,
    maxLength: 12,
  })
  const pieces = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 300_000 })), {
    minLength: 1,
    maxLength: 5,
  })

  test('gives back the frames of any stream, however it was cut', () => {
    fc.assert(
      fc.property(sizes, pieces, fc.array(fc.nat(12)), (frameSizes, pieceSizes, stops) => {
        // Tiny pieces of large frames take long and show nothing that larger ones do not.
        const scaled = frameSizes.some((size) => size > 5000) ? pieceSizes.map((size) => size + 3000) : pieceSizes
        const frames = frameSizes.map((size, index) => frame(size, index + 1))
        const feed = new Feed()
        feed.stopAfter = new Set(stops)
        feed.send(Buffer.concat(frames), scaled)
        for (const _ of stops) feed.assembler.resume()
        assert.deepEqual(
          feed.seen.map(({ bytes }) => bytes),
          frames.map((bytes) => bytes.subarray(4)),
        )
        for (const { bytes, memory } of feed.seen) if (memory) assert.ok(bytes.length > smallFrameBytesMax)
      }),
      { numRuns: 80 },
    )
  })

  test('a large frame has memory that nobody else writes to until it is let go', () => {
    const feed = new Feed()
    feed.send(Buffer.concat([frame(10, 1), frame(500_000, 2), frame(400_000, 3)]), [100_000])
    const large = feed.seen[1]!
    assert.equal(large.bytes.length, 500_000)
    assert.ok(large.bytes.buffer.byteLength <= 500_000 * 1.25)
    large.memory!.hold()
    large.memory!.letGo()
    feed.send(frame(500_000, 4), [100_000])
    assert.ok(large.bytes.every((byte) => byte === 2))
    large.memory!.letGo()
    assert.ok(large.bytes.every((byte) => byte === 0xdb))
    feed.send(frame(490_000, 5), [100_000])
    assert.equal(feed.seen[4]!.bytes.buffer, large.bytes.buffer)
    assert.ok(feed.seen[4]!.bytes.every((byte) => byte === 5))
    assert.ok(feed.seen[3]!.bytes.every((byte) => byte === 4))
  })

  test('memory of a frame that never comes to its end is not used again: the network may still write to it', () => {
    const feed = new Feed()
    feed.send(frame(500_000, 1), [100_000])
    feed.seen[0]!.memory!.letGo()
    feed.send(frame(500_000, 2).subarray(0, 300_000), [100_000])
    const target = feed.assembler.buffer()
    assert.equal(target.buffer, feed.seen[0]!.bytes.buffer)
    feed.assembler.close()
    assert.equal(feed.pool.idleBytes, 0)
  })

  test('memory follows what has arrived, not what was announced', () => {
    const feed = new Feed()
    feed.send(frame(frameBytesMax, 1).subarray(0, 104), [104])
    // The target for the rest is no larger than the first step.
    assert.ok(feed.assembler.buffer().length <= smallFrameBytesMax)
  })

  test('while stopped it hands out nothing and keeps everything', () => {
    const feed = new Feed()
    feed.stopAfter = new Set([1, 2])
    feed.send(Buffer.concat([frame(5, 1), frame(6, 2), frame(7, 3)]), [1000])
    assert.equal(feed.seen.length, 1)
    assert.equal(feed.assembler.heldBytes, 21)
    feed.assembler.resume()
    assert.equal(feed.seen.length, 2)
    feed.send(frame(8, 4), [3])
    assert.equal(feed.assembler.heldBytes, 23)
    feed.assembler.resume()
    assert.deepEqual(
      feed.seen.map(({ bytes }) => bytes.length),
      [5, 6, 7, 8],
    )
    assert.equal(feed.assembler.heldBytes, 0)
  })

  for (const size of [-1, -2147483648, frameBytesMax + 1, 0x16030100]) {
    test(`size ${size} is reported once, and nothing comes after it`, () => {
      const feed = new Feed()
      const bad = Buffer.alloc(4)
      bad.writeInt32BE(size)
      feed.send(Buffer.concat([frame(5, 1), bad, frame(6, 2)]), [7])
      assert.deepEqual(feed.invalid, [size])
      assert.equal(feed.seen.length, 1)
    })
  }

  test('a closed assembler drops what comes', () => {
    const feed = new Feed()
    feed.send(frame(100, 1).subarray(0, 50), [50])
    feed.assembler.close()
    feed.send(frame(100, 1), [50])
    assert.equal(feed.seen.length, 0)
  })
})
