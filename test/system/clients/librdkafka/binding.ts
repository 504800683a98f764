/** What the tests use of kafka-crab-js 5, whose own types are there only once it is installed. */

export interface Message {
  payload: Buffer
  key?: Buffer
  partition: number
  offset: number
}

export interface KafkaProducer {
  /** Resolves when all are acknowledged. */
  send(record: { topic: string; messages: { key: Buffer; payload: Buffer }[] }): Promise<unknown>
}

export interface KafkaConsumer {
  subscribe(
    topics: string | { topic: string; createTopic: boolean; numPartitions: number; replicas: number }[],
  ): Promise<void>
  assignment(): { topic: string; partitionOffset: { partition: number }[] }[]
  commit(topic: string, partition: number, offset: number, mode: 'Sync' | 'Async'): Promise<void>
  unsubscribe(): void
  recvBatch(size: number, timeoutMs: number): Promise<Message[]>
  disconnect(): Promise<void>
}

export interface KafkaClient {
  createProducer(options: { queueTimeout?: number; configuration: Record<string, unknown> }): KafkaProducer
  createConsumer(options: {
    groupId: string
    enableAutoCommit?: boolean
    configuration: Record<string, unknown>
  }): KafkaConsumer
}

export interface Binding {
  KafkaClient: new (options: {
    brokers: string
    clientId: string
    logLevel: string
    configuration?: Record<string, unknown>
  }) => KafkaClient
}
