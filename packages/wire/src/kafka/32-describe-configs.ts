import type { Infer } from '../schema/schema.ts'
import { array, bool, int16, int32, int8, message, string, struct } from '../schema/schema.ts'

/** Reads configurations of topics, brokers, loggers, groups and client metrics. */
export const DescribeConfigsRequest = message(
  'DescribeConfigsRequest',
  { apiKey: 32, versions: [1, 4], flexible: 4 },
  {
    resources: array(
      struct({
        /** 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group. */
        resourceType: int8,
        resourceName: string,
        /** Null asks for all settings. */
        configurationKeys: array(string).nullable(),
      }),
    ),
    includeSynonyms: bool,
    includeDocumentation: bool.since(3),
  },
)
export type DescribeConfigsRequest = Infer<typeof DescribeConfigsRequest>

/** Every setting of each resource, with where its value comes from. */
export const DescribeConfigsResponse = message(
  'DescribeConfigsResponse',
  { apiKey: 32, versions: [1, 4], flexible: 4 },
  {
    throttleTimeMs: int32,
    results: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable(),
        resourceType: int8,
        resourceName: string,
        configs: array(
          struct({
            name: string,
            /** Null for a sensitive setting, whatever its value. */
            value: string.nullable(),
            readOnly: bool,
            /**
             * 1 dynamic topic, 2 dynamic broker, 3 dynamic cluster default, 4 static broker, 5 default,
             * 6 dynamic broker logger, 7 dynamic client metrics, 8 dynamic group.
             */
            configSource: int8.default(-1).ignorable(),
            isSensitive: bool,
            /** Where the value would come from, first match first. */
            synonyms: array(
              struct({
                name: string,
                value: string.nullable(),
                source: int8,
              }),
            ).ignorable(),
            /** 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password. */
            configType: int8.since(3).ignorable(),
            documentation: string.since(3).nullable().ignorable(),
          }),
        ),
      }),
    ),
  },
)
export type DescribeConfigsResponse = Infer<typeof DescribeConfigsResponse>
