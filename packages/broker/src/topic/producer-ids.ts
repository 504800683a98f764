import type { MetadataStore } from '../cluster/metadata-store.ts'
import { BrokerError } from '../errors/errors.ts'
import { inStorageTerms } from './storage-failure.ts'

const key = '/producer-ids/next'
/** Ids taken from the metadata store at once, as in Kafka; those not used before a restart are skipped. */
const blockSize = 1000

interface Block {
  next: number
  readonly end: number
}

/**
 * Hands out producer ids that no producer ever had before. The next block is taken before the present one is used up, so
 * that new producers can start while the metadata store is away.
 */
export class ProducerIds {
  readonly #metadata: MetadataStore
  #block: Block | undefined
  #spare: Block | undefined
  #taking: Promise<void> | undefined

  constructor(metadata: MetadataStore) {
    this.#metadata = metadata
  }

  /** Takes a block before anybody needs it. A failure is reported by the `next` that does. */
  async prepare(): Promise<void> {
    if (this.#spare === undefined) await this.#take().catch(() => undefined)
  }

  /** @throws BrokerError 'storage' */
  async next(): Promise<number> {
    for (;;) {
      const block = this.#block
      if (block !== undefined && block.next < block.end) {
        if (block.end - block.next === blockSize / 2) void this.prepare()
        return block.next++
      }
      if (this.#spare === undefined) await this.#take()
      // Another call that waited may have put it in place already.
      if (this.#spare !== undefined) this.#block = this.#spare
      this.#spare = undefined
    }
  }

  #take(): Promise<void> {
    this.#taking ??= inStorageTerms(() => this.#takeBlock()).finally(() => {
      this.#taking = undefined
    })
    return this.#taking
  }

  async #takeBlock(): Promise<void> {
    for (;;) {
      const present = await this.#metadata.get(key)
      const start = present ? Number(present.value) : 0
      const { succeeded } = await this.#metadata.transaction({
        compare: [{ key, target: 'modRevision', operator: '=', value: present?.modRevision ?? 0 }],
        then: [{ kind: 'put', key, value: String(start + blockSize) }],
      })
      if (!succeeded) continue
      if (start + blockSize > Number.MAX_SAFE_INTEGER) throw new BrokerError('storage', 'producer ids are used up')
      this.#spare = { next: start, end: start + blockSize }
      return
    }
  }
}
