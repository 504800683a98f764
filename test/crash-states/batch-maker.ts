import type { SimulatedRandom } from '../../packages/broker/src/host/simulated/simulated-random.ts'
import type { Log } from '../../packages/broker/src/log/log.ts'
import { lastOffsetOf, producerIdOf } from '../../packages/broker/src/record/batch.ts'
import { buildBatch } from '../../packages/broker/src/record/build.ts'

/** A client has at most five batches in flight. */
const inFlightMax = 5

interface Producer {
  id: number
  nextSequence: number
  /** End offsets of batches that nobody has acknowledged. */
  inFlight: number[]
}

/** Makes the batches of a workload, every one different, some of them those of an idempotent producer. */
export class BatchMaker {
  readonly #random: SimulatedRandom
  /** One producer for each log. */
  #producers = new Map<number, Producer>()
  #producerCount = 0
  #batchCount = 0

  constructor(random: SimulatedRandom) {
    this.#random = random
  }

  make(log: Log, bytes: number): { batch: Buffer; epoch: number } {
    this.#batchCount++
    const count = 1 + this.#random.below(4)
    const records = Array.from({ length: count }, (_, i) => ({
      key: Buffer.from(`key ${this.#random.below(20)}`),
      value: Buffer.from(`${log.name} ${this.#batchCount}.${i} `.padEnd(Math.ceil(bytes / count), '.')),
    }))
    const producer = this.#random.chance(0.4) ? this.#producer(log.id) : undefined
    const options = producer && { producerId: producer.id, producerEpoch: 0, baseSequence: producer.nextSequence }
    const epoch = Math.max(log.epochs.latest, 0) + (this.#random.chance(0.02) ? 1 : 0)
    return { batch: buildBatch(records, { baseTimestampMs: 1000 + this.#batchCount, ...options }), epoch }
  }

  /** The log has taken `batch`. */
  taken(logId: number, batch: Uint8Array): void {
    const producer = this.#producers.get(logId)
    if (!producer || producerIdOf(batch, 0) !== producer.id) return
    producer.nextSequence += 1 + batch[26]!
    producer.inFlight.push(lastOffsetOf(batch, 0) + 1)
  }

  acknowledged(logId: number, offset: number): void {
    const producer = this.#producers.get(logId)
    if (producer) producer.inFlight = producer.inFlight.filter((endOffset) => endOffset > offset)
  }

  /** The producer of this log is not heard of again. */
  forget(logId: number): void {
    this.#producers.delete(logId)
  }

  restart(): void {
    this.#producers.clear()
  }

  /** Undefined while the producer must wait for answers. */
  #producer(logId: number): Producer | undefined {
    let producer = this.#producers.get(logId)
    if (!producer) {
      producer = { id: ++this.#producerCount, nextSequence: 0, inFlight: [] }
      this.#producers.set(logId, producer)
    }
    return producer.inFlight.length < inFlightMax ? producer : undefined
  }
}
