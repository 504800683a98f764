/** Kept per partition for Fetch; what comes later is only appended to the file. */
const IMAGE_BYTES_MAX = 8 * 1024 * 1024
const BATCH_HEADER_BYTES = 61

/** The first bytes of one partition, with where each batch starts. */
export class LimitPartition {
  #chunks = Buffer.alloc(0)
  readonly #batches: { offset: number; position: number }[] = []
  #length = 0
  #full = false
  #endOffset = 0

  /** The next offset as far as Fetch is concerned. */
  get endOffset(): number {
    return this.#endOffset
  }

  /** Keeps a batch while there is room, stamped with its offset. */
  append(batch: Buffer): void {
    if (this.#full) return
    if (batch.length < BATCH_HEADER_BYTES || this.#length + batch.length > IMAGE_BYTES_MAX) {
      this.#full = true
      return
    }
    if (this.#length + batch.length > this.#chunks.length) this.#grow(this.#length + batch.length)
    this.#chunks.set(batch, this.#length)
    this.#chunks.writeBigInt64BE(BigInt(this.#endOffset), this.#length)
    this.#batches.push({ offset: this.#endOffset, position: this.#length })
    this.#length += batch.length
    this.#endOffset += batch.readInt32BE(57)
  }

  #grow(size: number): void {
    const grown = Buffer.allocUnsafe(Math.max(size, Math.min(IMAGE_BYTES_MAX, this.#chunks.length * 2)))
    this.#chunks.copy(grown, 0, 0, this.#length)
    this.#chunks = grown
  }

  /** A slice that starts at the batch holding `offset`; whole batches are the reader's business, as with Kafka. */
  read(offset: number, bytesMax: number): Buffer {
    if (offset >= this.#endOffset) return this.#chunks.subarray(0, 0)
    let low = 0
    let high = this.#batches.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#batches[middle]!.offset <= offset) low = middle
      else high = middle - 1
    }
    const start = this.#batches[low]!.position
    const first = this.#chunks.readInt32BE(start + 8) + 12
    return this.#chunks.subarray(start, Math.min(this.#length, start + Math.max(bytesMax, first)))
  }
}

interface LimitTopic {
  readonly count: number
  readonly partitions: LimitPartition[]
}

/** Topics and their partitions, made when first named. */
export class LimitLog {
  readonly #topics = new Map<string, LimitTopic>()

  /** Makes a topic, or gives one more partitions. */
  create(topic: string, count: number): LimitTopic {
    const created = { count, partitions: this.#topics.get(topic)?.partitions ?? [] }
    this.#topics.set(topic, created)
    return created
  }

  delete(topic: string): void {
    this.#topics.delete(topic)
  }

  partitionCount(topic: string): number {
    return this.#topics.get(topic)?.count ?? 0
  }

  partition(topic: string, index: number): LimitPartition {
    const { partitions } = this.#topics.get(topic) ?? this.create(topic, 1)
    return (partitions[index] ??= new LimitPartition())
  }
}
