import { BrokerError } from '../errors/errors.ts'

/** @param reason for the log of the broker: it must name no secret, and nothing that might be one typed in the wrong place */
export function loginFailure(reason: string): BrokerError {
  return new BrokerError('authentication-failed', reason)
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

/** @throws BrokerError 'authentication-failed' if the bytes are no UTF-8 */
export function textOf(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes)
  } catch (error) {
    throw new BrokerError('authentication-failed', 'the message is no UTF-8', { cause: error })
  }
}
