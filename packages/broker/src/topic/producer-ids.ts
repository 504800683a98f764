import type { MetadataStore } from '../cluster/metadata-store.ts'
import { BrokerError } from '../errors/errors.ts'
import { inStorageTerms } from './storage-failure.ts'

const key = '/producer-ids/next'
/** Ids taken from the metadata store at once, as in Kafka; those not used before a restart are skipped. */
const blockSize = 1000

/** Hands out producer ids that no producer ever had before. */
export class ProducerIds {
  readonly #metadata: MetadataStore
  #next = 0
  #end = 0
  #taking: Promise<void> | undefined

  constructor(metadata: MetadataStore) {
    this.#metadata = metadata
  }

  /** @throws BrokerError 'storage' */
  async next(): Promise<number> {
    while (this.#next === this.#end) {
      this.#taking ??= inStorageTerms(() => this.#takeBlock()).finally(() => {
        this.#taking = undefined
      })
      await this.#taking
    }
    return this.#next++
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
      this.#next = start
      this.#end = start + blockSize
      return
    }
  }
}
