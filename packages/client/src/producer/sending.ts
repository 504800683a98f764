import type { ClientError } from '../client-error.ts'
import type { Deferred } from '../waiting.ts'
import { deferred } from '../waiting.ts'
import type { RecordWaiter } from './pending-record.ts'

/** A message that the broker has stored. */
export interface SendResult {
  /** The message's id. */
  id: string
  topic: string
  partition: number
  /** -1 if it was stored by an earlier attempt whose answer was lost. */
  offset: number
}

/**
 * The messages of one call on their way, and what becomes of each: one promise for all, as a promise for each would cost more
 * than all else that is done for a small message.
 */
export class Sending implements RecordWaiter {
  /** By number of the message in the call; those that failed are missing. */
  readonly results: SendResult[]
  /** What those that could not be sent have failed of, by number of the message. */
  readonly failures = new Map<number, unknown>()
  readonly #topic: string
  readonly #done: Deferred<void> = deferred()
  /** Of the records handed over, in order: number and id of their message. */
  readonly #numbers: number[] = []
  readonly #ids: string[] = []
  #leftCount: number

  constructor(topic: string, messageCount: number) {
    this.#topic = topic
    this.results = new Array<SendResult>(messageCount)
    this.#leftCount = messageCount
    if (messageCount === 0) this.#done.resolve()
  }

  /** Resolves when it is known of all what became of them. */
  get done(): Promise<void> {
    return this.#done.promise
  }

  /** The result of the only message. @throws what it has failed of */
  async only(): Promise<SendResult> {
    await this.done
    if (this.failures.size > 0) throw this.failures.get(0)
    return this.results[0]!
  }

  /** The next record that is handed over carries this message. */
  expect(number: number, id: string): void {
    this.#numbers.push(number)
    this.#ids.push(id)
  }

  /** The message is sent by somebody else, who will tell. */
  follow(number: number, sending: Promise<SendResult>): void {
    sending.then(
      (result) => this.#settle(number, result),
      (error: unknown) => this.fail(number, error),
    )
  }

  fail(number: number, error: unknown): void {
    this.failures.set(number, error)
    this.#settle(number, undefined)
  }

  stored(index: number, partition: number, offset: number): void {
    this.#settle(this.#numbers[index]!, { id: this.#ids[index]!, topic: this.#topic, partition, offset })
  }

  failed(index: number, error: ClientError): void {
    this.fail(this.#numbers[index]!, error)
  }

  #settle(number: number, result: SendResult | undefined): void {
    if (result !== undefined) this.results[number] = result
    if (--this.#leftCount === 0) this.#done.resolve()
  }
}
