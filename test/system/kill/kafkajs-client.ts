import kafkajs from 'kafkajs'

const { Kafka, logLevel } = kafkajs

/**
 * For clients, producers and consumers that shall outlive brokers. kafkajs's own first wait is 300 ms and grows to 30 s, which
 * would hide how soon a broker is back.
 */
export const patientRetry = { initialRetryTime: 30, maxRetryTime: 300, retries: 10_000 }

/** @param addresses with commas between */
export function kafkajsClient(addresses: string): InstanceType<typeof Kafka> {
  const times = { connectionTimeout: 2000, requestTimeout: 10_000 }
  return new Kafka({ brokers: addresses.split(','), logLevel: logLevel.NOTHING, ...times, retry: patientRetry })
}
