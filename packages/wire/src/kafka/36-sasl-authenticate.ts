import type { Infer } from '../schema/schema.ts'
import { bytes, int16, int64, message, string } from '../schema/schema.ts'

/** One step of the SASL exchange. */
export const SaslAuthenticateRequest = message(
  'SaslAuthenticateRequest',
  { apiKey: 36, versions: [0, 2], flexible: 2 },
  {
    /** The mechanism's token, opaque here. */
    authBytes: bytes,
  },
)
export type SaslAuthenticateRequest = Infer<typeof SaslAuthenticateRequest>

/** The server's step; on success, version 1 adds how long the session lasts (KIP-368). */
export const SaslAuthenticateResponse = message(
  'SaslAuthenticateResponse',
  { apiKey: 36, versions: [0, 2], flexible: 2 },
  {
    errorCode: int16,
    errorMessage: string.nullable(),
    authBytes: bytes,
    /** The client must authenticate again before this many milliseconds have passed; 0 for no limit. */
    sessionLifetimeMs: int64.since(1).ignorable(),
  },
)
export type SaslAuthenticateResponse = Infer<typeof SaslAuthenticateResponse>
