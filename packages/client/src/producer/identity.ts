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
  #current: Promise<ProducerIdentity> | undefined

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** @throws ClientError; the next call asks again */
  get(): Promise<ProducerIdentity> {
    if (this.#current !== undefined) return this.#current
    const asked = this.#ask()
    this.#current = asked
    asked.catch(() => {
      if (this.#current === asked) this.#current = undefined
    })
    return asked
  }

  /** Makes the next `get` ask for another one. Partitions that are sending under the old one go on with it. */
  renew(): void {
    this.#current = undefined
  }

  async #ask(): Promise<ProducerIdentity> {
    const answer = await this.#cluster.any(apis[22], { transactionalId: null, transactionTimeoutMs: 60_000 })
    expectSuccess(answer.errorCode, 'cannot get a producer id')
    return { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
  }
}
