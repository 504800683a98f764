import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { FrameAssembler, smallFrameBytesMax } from './frame-assembler.ts'

const frameBytesMax = 1_000_000

interface Seen {
  bytes: Buffer
  owned: boolean
}

/** Feeds a stream to an assembler as a socket would, in pieces of the given sizes, over and over. */
class Feed {
  readonly shared: Buffer
  readonly seen: Seen[] = []
  readonly invalid: number[] = []
  /** Frames after which the sink stops the assembler. */
  stopAfter: ReadonlySet<number> = new Set()
  readonly assembler: FrameAssembler

  constructor(sharedBytes = 256 * 1024) {
    this.shared = Buffer.alloc(sharedBytes)
    this.assembler = new FrameAssembler(this.shared, frameBytesMax, {
      frame: (bytes, start, end, owned) => {
        this.seen.push({ bytes: owned ? bytes.subarray(start, end) : Buffer.from(bytes.subarray(start, end)), owned })
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
        for (const { bytes, owned } of feed.seen) if (owned) assert.ok(bytes.length > smallFrameBytesMax)
      }),
      { numRuns: 150 },
    )
  })

  test('a large frame has a buffer of exactly its size, that nobody else writes to', () => {
    const feed = new Feed()
    feed.send(Buffer.concat([frame(10, 1), frame(500_000, 2), frame(10, 3)]), [100_000])
    const large = feed.seen[1]!
    assert.equal(large.owned, true)
    assert.equal(large.bytes.length, 500_000)
    assert.equal(large.bytes.buffer.byteLength, 500_000)
    assert.ok(large.bytes.every((byte) => byte === 2))
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
