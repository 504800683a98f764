import type { Infer } from '../schema/schema.ts'
import { array, int16, message, string } from '../schema/schema.ts'

/**
 * Chooses a SASL mechanism. After version 0 raw SASL tokens follow without Kafka headers; after version 1
 * SaslAuthenticate requests do. Never became flexible.
 */
export const SaslHandshakeRequest = message(
  'SaslHandshakeRequest',
  { apiKey: 17, versions: [0, 1] },
  {
    mechanism: string,
  },
)
export type SaslHandshakeRequest = Infer<typeof SaslHandshakeRequest>

/** The mechanisms this listener accepts. */
export const SaslHandshakeResponse = message(
  'SaslHandshakeResponse',
  { apiKey: 17, versions: [0, 1] },
  {
    errorCode: int16,
    mechanisms: array(string),
  },
)
export type SaslHandshakeResponse = Infer<typeof SaslHandshakeResponse>
