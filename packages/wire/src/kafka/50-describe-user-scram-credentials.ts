import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int8, message, string, struct } from '../schema/schema.ts'

/** Lists SCRAM users without their secrets (KIP-554); null or empty asks for all. */
export const DescribeUserScramCredentialsRequest = message(
  'DescribeUserScramCredentialsRequest',
  { apiKey: 50, versions: [0, 0], flexible: 0 },
  {
    users: array(
      struct({
        name: string,
      }),
    ).nullable(),
  },
)
export type DescribeUserScramCredentialsRequest = Infer<typeof DescribeUserScramCredentialsRequest>

/** The mechanisms and iteration counts of each user. */
export const DescribeUserScramCredentialsResponse = message(
  'DescribeUserScramCredentialsResponse',
  { apiKey: 50, versions: [0, 0], flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    results: array(
      struct({
        user: string,
        errorCode: int16,
        errorMessage: string.nullable(),
        credentialInfos: array(
          struct({
            /** 1 SCRAM-SHA-256, 2 SCRAM-SHA-512. */
            mechanism: int8,
            iterations: int32,
          }),
        ),
      }),
    ),
  },
)
export type DescribeUserScramCredentialsResponse = Infer<typeof DescribeUserScramCredentialsResponse>
