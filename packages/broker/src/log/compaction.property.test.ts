import { deepStrictEqual, strictEqual as equal, ok } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compressionNames } from '@polylog/wire/records'
import fc from 'fast-check'
import type { SimulatedRandom } from '../host/simulated/simulated-random.ts'
import type { RecordInput } from '../record/build.ts'
import { CleanerStage } from './cleaner.fixture.ts'
import type { PlainBatch } from './cleaner.fixture.ts'

/** Random batches of three producers and none, compacted, restarted and crashed in between. */
class Scenario {
  readonly stage: CleanerStage
  readonly #random: SimulatedRandom
  readonly #sequences = new Map<number, number>()

  constructor(seed: number) {
    this.stage = new CleanerStage(seed, {
      minCleanableDirtyRatio: seed % 3 === 0 ? 0.4 : 0,
      deleteRetentionMs: seed % 5 === 0 ? 0 : 300,
    })
    this.#random = this.stage.world.scheduler.random.stream('scenario')
    // 12 keys are fewer than there are: then a compaction takes several rounds, and splits segments.
    this.stage.mapBytesMax = seed % 2 === 0 ? 24 * 16 : 1 << 16
  }

  async run(steps: number): Promise<void> {
    await this.stage.open()
    for (let i = 0; i < steps; i++) {
      await this.#step()
      this.#checkProducers(await this.stage.check())
    }
    await this.#checkGaps(await this.stage.check())
    await this.#checkEnd()
    deepStrictEqual(this.stage.errors, [])
  }

  /** When nothing is written any more, one record of each key is left, and no tombstone. */
  async #checkEnd(): Promise<void> {
    const { stage } = this
    stage.cleanup = { ...stage.cleanup, minCleanableDirtyRatio: 0 }
    for (let round = 0; round < 2; round++) {
      await stage.append([{ key: Buffer.from('end'), value: Buffer.from(`${round}`) }])
      stage.log.roll()
      await stage.compact()
      await stage.wait(stage.cleanup.deleteRetentionMs + 1)
    }
    const left = (await stage.check()).flatMap((batch) => batch.records)
    const expected = [...stage.lastRecords().values()].filter((record) => record.value !== null)
    deepStrictEqual(
      left,
      expected.toSorted((a, b) => a.offset - b.offset),
    )
  }

  async #step(): Promise<void> {
    const { stage } = this
    const choice = this.#random.below(10)
    if (choice < 6) for (let i = this.#random.below(12); i >= 0; i--) await this.#append()
    else if (choice === 6) await stage.wait(this.#random.below(500))
    else if (choice === 7) await this.#restart()
    else if (choice === 8) await this.#compactAndCrash()
    else await this.#compact()
    if (this.#random.below(12) === 0) await this.#deleteRecords()
  }

  async #append(): Promise<void> {
    const random = this.#random
    const records: RecordInput[] = []
    for (let i = random.below(6); i >= 0; i--) {
      const isTombstone = random.below(5) === 0
      records.push({
        key: Buffer.from(`key ${random.below(30)}`),
        value: isTombstone ? null : Buffer.alloc(random.below(80), `value ${random.below(1000)} `),
        headers: random.below(3) === 0 ? [{ key: Buffer.from('h'), value: null }] : [],
      })
    }
    const compression = compressionNames[random.below(compressionNames.length)]!
    const producerId = random.below(4) - 1
    if (producerId < 0) {
      await this.stage.append(records, compression)
      return
    }
    const baseSequence = this.#sequences.get(producerId) ?? 0
    this.#sequences.set(producerId, baseSequence + records.length)
    await this.stage.append(records, compression, { producerId, producerEpoch: 0, baseSequence })
  }

  async #compact(): Promise<void> {
    if (this.#random.below(2) === 0) this.stage.log.roll()
    await this.stage.compact()
  }

  async #restart(): Promise<void> {
    if (this.#random.below(2) === 0) await this.stage.restart()
    else await this.stage.losePower()
  }

  /** Ends the process at a random moment of a compaction. */
  async #compactAndCrash(): Promise<void> {
    const { stage } = this
    stage.log.roll()
    let ended = false
    void stage.cleaner.compact().then(() => {
      ended = true
    })
    for (let i = this.#random.below(150); i > 0 && !ended; i--) await stage.world.scheduler.step()
    if (this.#random.below(3) === 0) await stage.kill()
    else await stage.losePower()
  }

  async #deleteRecords(): Promise<void> {
    const { log, store } = this.stage
    const offset = log.startOffset + this.#random.below(log.durableOffset - log.startOffset + 1)
    await this.stage.complete(store.moveStart(log, offset))
  }

  /** The batch with the last sequence number of each producer is there, with records or without. */
  #checkProducers(batches: readonly PlainBatch[]): void {
    const { log } = this.stage
    for (const { producerId, batches: known } of log.producers.entries()) {
      const { lastOffset } = known.at(-1)!
      if (lastOffset < log.startOffset) continue
      const stored = batches.find((batch) => batch.producerId === producerId && batch.lastOffset === lastOffset)
      ok(stored, `producer ${producerId} has no batch that ends at ${lastOffset}`)
    }
  }

  /** A read from any offset starts with the batch that holds it, or the first behind it. */
  async #checkGaps(batches: readonly PlainBatch[]): Promise<void> {
    const { log } = this.stage
    for (let offset = log.startOffset; offset < log.endOffset; offset += 1 + this.#random.below(20)) {
      const expected = batches.find((batch) => batch.lastOffset >= offset)
      const [first] = await this.stage.read(offset)
      equal(first?.baseOffset, expected?.baseOffset, `read from ${offset}`)
    }
  }
}

describe('compaction of anything', () => {
  it('leaves the last record of each key, over restarts and crashes at any moment', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(1_000_000), (seed) => new Scenario(seed).run(25)),
      { numRuns: Number(process.env['POLYLOG_COMPACTION_RUNS'] ?? 5) },
    )
  })
})
