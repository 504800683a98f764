import type { Infer } from '../schema/schema.ts'
import { array, bool, int16, int32, int8, message, string, struct, uuid } from '../schema/schema.ts'

/** Creates topics. */
export const CreateTopicsRequest = message(
  'CreateTopicsRequest',
  { apiKey: 19, versions: [2, 7], flexible: 5 },
  {
    topics: array(
      struct({
        name: string,
        /** -1 for the broker's default, and with explicit assignments. */
        numPartitions: int32,
        /** -1 for the broker's default, and with explicit assignments. */
        replicationFactor: int16,
        /** Replicas chosen by the caller, the first being the preferred leader. */
        assignments: array(
          struct({
            partitionIndex: int32,
            brokerIds: array(int32),
          }),
        ),
        configs: array(
          struct({
            name: string,
            value: string.nullable(),
          }),
        ),
      }),
    ),
    timeoutMs: int32.default(60000),
    /** Check everything, create nothing. */
    validateOnly: bool,
  },
)
export type CreateTopicsRequest = Infer<typeof CreateTopicsRequest>

/** One result per topic; version 5 reports the resulting configuration, 7 the topic id. */
export const CreateTopicsResponse = message(
  'CreateTopicsResponse',
  { apiKey: 19, versions: [2, 7], flexible: 5 },
  {
    throttleTimeMs: int32.ignorable(),
    topics: array(
      struct({
        name: string,
        topicId: uuid.since(7).ignorable(),
        errorCode: int16,
        errorMessage: string.nullable().ignorable(),
        /** Why the configuration is withheld, usually TOPIC_AUTHORIZATION_FAILED. */
        topicConfigErrorCode: int16.tagged(0, 5).ignorable(),
        numPartitions: int32.since(5).default(-1).ignorable(),
        replicationFactor: int16.since(5).default(-1).ignorable(),
        configs: array(
          struct({
            name: string,
            value: string.nullable(),
            readOnly: bool,
            /** See DescribeConfigs. */
            configSource: int8.default(-1).ignorable(),
            isSensitive: bool,
          }),
        )
          .since(5)
          .nullable()
          .ignorable(),
      }),
    ),
  },
)
export type CreateTopicsResponse = Infer<typeof CreateTopicsResponse>
