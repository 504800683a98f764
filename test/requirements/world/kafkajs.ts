import kafkajs from 'kafkajs'
import type { Producer } from 'kafkajs'
import type { Place } from './raw.ts'

const { Kafka, logLevel, Partitioners } = kafkajs

/** kafkajs's own first wait is 300 ms and grows to 30 s. */
const retry = { initialRetryTime: 30, maxRetryTime: 200, retries: Number.MAX_SAFE_INTEGER }

/** A client that never gives up. */
export function kafkajsClient(addresses: string): InstanceType<typeof Kafka> {
  const times = { connectionTimeout: 1000, requestTimeout: 5000 }
  return new Kafka({ brokers: addresses.split(','), logLevel: logLevel.NOTHING, ...times, retry })
}

/** An idempotent producer with acks=all and endless retries. */
export class PatientProducer implements AsyncDisposable {
  readonly #producer: Producer

  private constructor(producer: Producer) {
    this.#producer = producer
  }

  static async connect(addresses: string): Promise<PatientProducer> {
    const createPartitioner = Partitioners.DefaultPartitioner
    const producer = kafkajsClient(addresses).producer({ idempotent: true, createPartitioner, retry })
    await producer.connect()
    return new PatientProducer(producer)
  }

  /** Sends one batch to one partition; resolves with its first offset once it is confirmed. */
  async send({ topic, partition = 0 }: Place, values: readonly string[]): Promise<number> {
    const messages = values.map((value) => ({ value, partition }))
    const [answer] = await this.#producer.send({ topic, acks: -1, messages })
    return Number(answer!.baseOffset)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#producer.disconnect()
  }
}
