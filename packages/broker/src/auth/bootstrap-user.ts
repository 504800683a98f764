import { BrokerError } from '../errors/errors.ts'
import type { Random } from '../host/random.ts'
import type { ClusterImage } from '../image/cluster-image.ts'
import { scramMechanisms } from '../image/user.ts'
import type { Logger } from '../telemetry/logger.ts'
import { deriveOnPool } from './derive-key.ts'
import type { DeriveKey } from './derive-key.ts'
import { iterationsMin } from './scram-keys.ts'
import type { CredentialChange, UserAdmin } from './user-admin.ts'

const saltBytes = 16

export interface BootstrapParts {
  readonly image: Pick<ClusterImage, 'users'>
  readonly users: UserAdmin
  readonly random: Random
  readonly logger: Logger
  /** For tests. */
  readonly derive?: DeriveKey
}

/**
 * Makes the first user, who can make the others. One who is there already stays as he is: a password that was changed
 * since must not come back with the next start.
 * @throws BrokerError 'unacceptable-credential' and those of the store
 */
export async function ensureBootstrapUser(name: string, password: Uint8Array, parts: BootstrapParts): Promise<void> {
  const { image, users, random, logger, derive = deriveOnPool } = parts
  if (image.users.has(name)) return
  if (password.length === 0) throw new BrokerError('unacceptable-credential', 'The password must not be empty.')
  const changes: CredentialChange[] = []
  for (const mechanism of scramMechanisms) {
    const salt = random.bytes(saltBytes)
    const saltedPassword = await derive(mechanism, password, salt, iterationsMin)
    changes.push({ kind: 'set', user: name, mechanism, iterations: iterationsMin, salt, saltedPassword })
  }
  const outcome = (await users.alter(changes)).get(name)
  if (outcome !== undefined) throw outcome
  logger.info('first user made', { user: name })
}
