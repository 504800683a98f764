import { pbkdf2Sync, randomBytes } from 'node:crypto'
import { memoryUserAdmin } from './memory-user-admin.ts'
import { ClusterImage } from '../../image/cluster-image.ts'
import { scramKeyBytes } from '../../image/user.ts'
import type { ScramMechanism } from '../../image/user.ts'
import { hashOf } from '../scram-keys.ts'
import type { CredentialChange } from '../user-admin.ts'
import type { UserAdmin } from '../user-admin.ts'

/** An image with users in it, and the way to change them. */
export function userWorld(): { image: ClusterImage; users: UserAdmin } {
  const image = new ClusterImage(({ key, reason }) => {
    throw new Error(`${key} cannot be read: ${reason}`)
  })
  return { image, users: memoryUserAdmin(image) }
}

/** What a client sends to set a password. */
export function credential(
  user: string,
  password: string,
  mechanism: ScramMechanism = 'SCRAM-SHA-256',
  given: { iterations?: number; salt?: Buffer } = {},
): CredentialChange {
  const { iterations = 4096, salt = randomBytes(16) } = given
  const saltedPassword = pbkdf2Sync(password, salt, iterations, scramKeyBytes[mechanism], hashOf(mechanism))
  return { kind: 'set', user, mechanism, iterations, salt, saltedPassword }
}
