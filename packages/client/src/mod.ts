/** The SDK: producers, work queues, consumer groups, requests. docs/sdk.md shows how they are used. */
export type { Compression } from '@polylog/wire/records'
export type { ClientErrorCode } from './client-error.ts'
export { ClientError } from './client-error.ts'
export type { Client, ConnectOptions } from './client.ts'
export { connect } from './client.ts'
export type { ConsumerBuilder } from './consumer/consumer-builder.ts'
export type {
  BatchOptions,
  BatchPushOptions,
  PushOptions,
  QueueOptions,
  RetryOptions,
} from './consumer/consumer-options.ts'
export type { PullConsumer, PullOptions } from './consumer/pull-consumer.ts'
export type { BatchConsumer, BatchHandler, Handler, PushConsumer } from './consumer/push-consumer.ts'
export type { ConsumerCounts } from './consumer/queue-engine.ts'
export type { QueueMessage, ReceivedMessage } from './consumer/queue-message.ts'
export type {
  DeduplicationOptions,
  DeduplicationStore,
  DeduplicationKey,
} from './deduplication/deduplication-options.ts'
export type { AssignorName } from './group/assignors.ts'
export type { GroupSubscription, SubscriptionHandler } from './group/group-subscription.ts'
export type { SubscriptionCounts } from './group/subscription-counts.ts'
export type { SubscriptionBuilder } from './group/subscription-builder.ts'
export type { SubscriptionOptions } from './group/subscription-options.ts'
export { headerNames } from './header-names.ts'
export type { OutgoingMessage, Sendable } from './outgoing-message.ts'
export type { MessageProducer, ProducerOptions, SendOptions } from './producer/message-producer.ts'
export type { SendResult } from './producer/sending.ts'
export { BatchError } from './producer/message-producer.ts'
export type { PartitionedMessage, Partitioner, PartitionerOption } from './producer/partitioners.ts'
export type { Bytes } from './records/record.ts'
export type { RequestOptions } from './request/requester.ts'
export type { SchemaInput, SchemaOutput, StandardSchemaV1 } from './serialization/standard-schema.ts'
export type { InputOf, Serializer, Topic, TopicLike } from './serialization/topic.ts'
export { json, text, topic } from './serialization/topic.ts'
export type { Credentials, SaslMechanism } from './sasl.ts'
export type { ClientStatus } from './status.ts'
export type { OpenTelemetry } from './telemetry/open-telemetry.ts'
export type { TlsOptions } from './tls.ts'
