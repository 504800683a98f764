import { decodeRecords } from '../records/batch.ts'

const keptMax = 5
const outOfOrderSequence = 45
const unknownProducerId = 59

interface Kept {
  first: number
  last: number
  baseOffset: number
}

/** A partition as a broker has it that checks the sequence numbers of idempotent producers, and keeps the last five batches of each (KIP-98). */
export class SequencedLog {
  readonly values: string[] = []
  readonly #producers = new Map<number, Kept[]>()
  readonly #outlaws = new Set<number>()

  /** Whatever comes of this producer is refused from now on. */
  outlaw(batch: Buffer): void {
    this.#outlaws.add(producerIdOf(batch))
  }

  append(batch: Buffer): { errorCode: number; baseOffset: number } {
    const producerId = producerIdOf(batch)
    if (this.#outlaws.has(producerId)) return { errorCode: unknownProducerId, baseOffset: -1 }
    const first = batch.readInt32BE(53)
    const last = first + batch.readInt32BE(57) - 1
    if (producerId < 0) return { errorCode: 0, baseOffset: this.#store(batch) }
    const kept = this.#producers.get(producerId) ?? []
    const known = kept.find((one) => one.first === first && one.last === last)
    if (known !== undefined) return { errorCode: 0, baseOffset: known.baseOffset }
    const previous = kept.at(-1)
    // Of a producer that it does not know a broker takes whatever comes first.
    if (previous !== undefined && first !== previous.last + 1) return { errorCode: outOfOrderSequence, baseOffset: -1 }
    const baseOffset = this.#store(batch)
    kept.push({ first, last, baseOffset })
    this.#producers.set(producerId, kept.slice(-keptMax))
    return { errorCode: 0, baseOffset }
  }

  #store(batch: Buffer): number {
    const baseOffset = this.values.length
    const { records } = decodeRecords(batch, { topic: 't', partition: 0 }, 0)
    for (const { value } of records) this.values.push(String(value))
    return baseOffset
  }
}

function producerIdOf(batch: Buffer): number {
  return Number(batch.readBigInt64BE(43))
}
