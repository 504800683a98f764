import type { Infer } from '../schema/schema.ts'
import { array, bytes, int16, int32, int8, message, string, struct } from '../schema/schema.ts'

/** Sets and removes SCRAM credentials; passwords arrive salted, never in the clear. */
export const AlterUserScramCredentialsRequest = message(
  'AlterUserScramCredentialsRequest',
  { apiKey: 51, versions: [0, 0], flexible: 0 },
  {
    deletions: array(
      struct({
        name: string,
        /** 1 SCRAM-SHA-256, 2 SCRAM-SHA-512. */
        mechanism: int8,
      }),
    ),
    upsertions: array(
      struct({
        name: string,
        /** 1 SCRAM-SHA-256, 2 SCRAM-SHA-512. */
        mechanism: int8,
        iterations: int32,
        salt: bytes,
        /** Output of PBKDF2 over password and salt, as RFC 5802 defines. */
        saltedPassword: bytes,
      }),
    ),
  },
)
export type AlterUserScramCredentialsRequest = Infer<typeof AlterUserScramCredentialsRequest>

/** One result per user. */
export const AlterUserScramCredentialsResponse = message(
  'AlterUserScramCredentialsResponse',
  { apiKey: 51, versions: [0, 0], flexible: 0 },
  {
    throttleTimeMs: int32,
    results: array(
      struct({
        user: string,
        errorCode: int16,
        errorMessage: string.nullable(),
      }),
    ),
  },
)
export type AlterUserScramCredentialsResponse = Infer<typeof AlterUserScramCredentialsResponse>
