import { pbkdf2 } from 'node:crypto'
import { promisify } from 'node:util'
import type { ScramMechanism } from '../image/user.ts'
import { scramKeyBytes } from '../image/user.ts'
import { hashOf } from './scram-keys.ts'

const pbkdf2OnPool = promisify(pbkdf2)

/** Hi(password, salt, iterations) of RFC 5802: a millisecond and more of a processor, spent outside the event loop. */
export type DeriveKey = (
  mechanism: ScramMechanism,
  password: Uint8Array,
  salt: Uint8Array,
  iterations: number,
) => Promise<Buffer>

/** On Node's thread pool, which disk syncs use as well: see that not many run at a time. */
export const deriveOnPool: DeriveKey = (mechanism, password, salt, iterations) =>
  pbkdf2OnPool(password, salt, iterations, scramKeyBytes[mechanism], hashOf(mechanism))
