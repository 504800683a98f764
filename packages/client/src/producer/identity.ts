import { apis } from '@polylog/wire'
import { expectSuccess } from '../client-error.ts'
import type { Cluster } from '../cluster.ts'

/** What a broker knows an idempotent producer by. */
export interface ProducerIdentity {
  readonly producerId: number
  readonly producerEpoch: number
}

/** The identity that batches are sent under. All partitions of a producer share one until it is of no use any more. */
export class IdentitySource {
  readonly #cluster: Cluster
  #asked: Promise<ProducerIdentity> | undefined
  #current: ProducerIdentity | undefined

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** What `get` would resolve with at once; undefined if it would have to ask. */
  get current(): ProducerIdentity | undefined {
    return this.#current
  }

  /** @throws ClientError; the next call asks again */
  get(): Promise<ProducerIdentity> {
    if (this.#asked !== undefined) return this.#asked
    const asked = this.#ask()
    this.#asked = asked
    asked.then(
      (identity) => {
        if (this.#asked === asked) this.#current = identity
      },
      () => {
        if (this.#asked === asked) this.#asked = undefined
      },
    )
    return asked
  }

  /** Makes the next `get` ask for another one. Partitions that are sending under the old one go on with it. */
  renew(): void {
    this.#asked = undefined
    this.#current = undefined
  }

  async #ask(): Promise<ProducerIdentity> {
    const answer = await this.#cluster.any(apis[22], { transactionalId: null, transactionTimeoutMs: 60_000 })
    expectSuccess(answer.errorCode, 'cannot get a producer id')
    return { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
  }
}
