import { BrokerError } from '../errors/errors.ts'
import { MetadataError } from './metadata-error.ts'

/** What the store refuses, in the words of the broker: rejects with BrokerError 'stopping' or 'storage'. */
export async function storing<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise
  } catch (error) {
    if (!(error instanceof MetadataError)) throw error
    if (error.kind === 'closed') throw new BrokerError('stopping', undefined, { cause: error })
    throw new BrokerError('storage', `the metadata store failed: ${error.message}`, { cause: error })
  }
}
