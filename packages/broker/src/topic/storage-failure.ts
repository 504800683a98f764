import { MetadataError } from '../cluster/metadata-error.ts'
import { BrokerError } from '../errors/errors.ts'
import { DiskError } from '../host/disk.ts'
import { LogDamageError } from '../log/log-damage.ts'

/**
 * Runs work that needs the disk or the metadata store.
 * @throws BrokerError 'storage' where either of them fails, so that clients are told a cause and may try again
 */
export async function inStorageTerms<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const isStorage = error instanceof DiskError || error instanceof LogDamageError || error instanceof MetadataError
    throw isStorage ? new BrokerError('storage', error.message, { cause: error }) : error
  }
}
