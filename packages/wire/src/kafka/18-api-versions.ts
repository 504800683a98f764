import type { Infer } from '../schema/schema.ts'
import { array, bool, int16, int32, int64, message, string, struct } from '../schema/schema.ts'

/** First request of every modern client: which APIs and versions does the broker speak? */
export const ApiVersionsRequest = message(
  'ApiVersionsRequest',
  { apiKey: 18, versions: [0, 4], flexible: 3 },
  {
    clientSoftwareName: string.since(3).ignorable(),
    clientSoftwareVersion: string.since(3).ignorable(),
  },
)
export type ApiVersionsRequest = Infer<typeof ApiVersionsRequest>

/**
 * Always sent behind response header 0, and in version 0 form for a request of an unknown version, so that any client
 * can read it.
 */
export const ApiVersionsResponse = message(
  'ApiVersionsResponse',
  { apiKey: 18, versions: [0, 4], flexible: 3 },
  {
    errorCode: int16,
    apiKeys: array(
      struct({
        apiKey: int16,
        minVersion: int16,
        maxVersion: int16,
      }),
    ),
    throttleTimeMs: int32.since(1).ignorable(),
    /** Features the broker could run, as opposed to those the cluster has agreed on (KIP-584). */
    supportedFeatures: array(
      struct({
        name: string,
        minVersion: int16,
        maxVersion: int16,
      }),
    )
      .tagged(0, 3)
      .ignorable(),
    /** Rises with each change of the finalized features; -1 if unknown. */
    finalizedFeaturesEpoch: int64.tagged(1, 3).default(-1).ignorable(),
    /** Features in force, for example `transaction.version` 2. */
    finalizedFeatures: array(
      struct({
        name: string,
        maxVersionLevel: int16,
        minVersionLevel: int16,
      }),
    )
      .tagged(2, 3)
      .ignorable(),
    /** A left-over of Kafka's move away from ZooKeeper; false since there is none. */
    zkMigrationReady: bool.tagged(3, 3).ignorable(),
  },
)
export type ApiVersionsResponse = Infer<typeof ApiVersionsResponse>
