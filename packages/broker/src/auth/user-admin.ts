import type { Comparison, Transaction } from '../cluster/metadata-store.ts'
import { BrokerError } from '../errors/errors.ts'
import type { ClusterImage } from '../image/cluster-image.ts'
import { userKey } from '../image/keys.ts'
import { encodeUser, scramKeyBytes } from '../image/user.ts'
import type { ScramCredential, ScramMechanism, User } from '../image/user.ts'
import { anonymous } from './principal.ts'
import { credentialOf, iterationsMax, iterationsMin } from './scram-keys.ts'

/** What is to become of one credential of one user. */
export type CredentialChange = {
  readonly user: string
  /** Undefined for one that is not known. */
  readonly mechanism: ScramMechanism | undefined
} & (
  | {
      readonly kind: 'set'
      readonly iterations: number
      readonly salt: Uint8Array
      /** Hi(password, salt, iterations) of RFC 5802: the password itself never comes here. */
      readonly saltedPassword: Uint8Array
    }
  | { readonly kind: 'remove' }
)

/** The way to change the metadata store: `ClusterAdmin` of controller/. */
export interface Commits {
  /** Makes the transaction and waits until the image shows it; asks for it again while others are in the way. */
  commit(make: () => Transaction | undefined): Promise<void>
  /** That this broker still belongs to the cluster. */
  fence(): Comparison
}

const userCountMax = 10_000
const nameCharactersMax = 255
const saltBytesMax = 1024

/** Makes, changes and removes users. */
export class UserAdmin {
  readonly #image: Pick<ClusterImage, 'users'>
  readonly #commits: Commits

  constructor(image: Pick<ClusterImage, 'users'>, commits: Commits) {
    this.#image = image
    this.#commits = commits
  }

  /**
   * Makes the changes, those of one user together or not at all. A user without any credential left is gone. One outcome
   * for each user, in the order in which they are named first, undefined if it went well; codes and conditions are those of
   * Kafka (KIP-554): 'unacceptable-credential', 'credential-not-found', 'duplicate-resource', 'unsupported-mechanism',
   * beside those of the store.
   */
  async alter(changes: readonly CredentialChange[]): Promise<ReadonlyMap<string, BrokerError | undefined>> {
    const byUser = Map.groupBy(changes, ({ user }) => user)
    const outcomes = new Map<string, BrokerError | undefined>()
    for (const [name, changesOfUser] of byUser) {
      try {
        check(name, changesOfUser)
        await this.#apply(name, changesOfUser)
        outcomes.set(name, undefined)
      } catch (error) {
        if (!(error instanceof BrokerError)) throw error
        outcomes.set(name, error)
      }
    }
    return outcomes
  }

  #apply(name: string, changes: readonly CredentialChange[]): Promise<void> {
    const key = userKey(name)
    return this.#commits.commit(() => {
      const user = this.#image.users.get(name)
      if (user === undefined && this.#image.users.size >= userCountMax) {
        throw new BrokerError('limit-exceeded', `There are ${userCountMax} users already.`)
      }
      const credentials = applied(user, changes)
      const isAsKnown = { key, target: 'modRevision', operator: '=', value: user?.modRevision ?? 0 } as const
      const compare = [this.#commits.fence(), isAsKnown]
      if (credentials.size === 0) return { compare, then: [{ kind: 'delete', key }] }
      return { compare, then: [{ kind: 'put', key, value: encodeUser(credentials) }] }
    })
  }
}

/** @throws BrokerError 'credential-not-found' */
function applied(
  user: User | undefined,
  changes: readonly CredentialChange[],
): ReadonlyMap<ScramMechanism, ScramCredential> {
  const credentials = new Map(user?.credentials)
  for (const change of changes) {
    const mechanism = change.mechanism!
    if (change.kind === 'set') credentials.set(mechanism, credentialOf(mechanism, change.saltedPassword, change))
    else if (!credentials.delete(mechanism)) {
      throw new BrokerError('credential-not-found', `There is no ${mechanism} credential of user "${change.user}".`)
    }
  }
  return credentials
}

function check(name: string, changes: readonly CredentialChange[]): void {
  checkName(name)
  const mechanisms = new Set<ScramMechanism>()
  for (const change of changes) {
    const { mechanism } = change
    if (mechanism === undefined) throw new BrokerError('unsupported-mechanism', 'Unknown SCRAM mechanism.')
    if (mechanisms.has(mechanism)) {
      throw new BrokerError('duplicate-resource', 'A credential cannot be changed twice in the same request.')
    }
    mechanisms.add(mechanism)
    if (change.kind === 'set') checkCredential(mechanism, change)
  }
}

function checkName(name: string): void {
  if (name === '') throw unacceptable('The user name must not be empty.')
  if (name.length > nameCharactersMax) throw unacceptable(`A user name has at most ${nameCharactersMax} characters.`)
  if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(name)) {
    throw unacceptable('A user name is made of printable ASCII: clients do not agree on the form of other characters.')
  }
  if (name === anonymous.name) throw unacceptable(`${name} is the name of those who have not logged in.`)
}

function checkCredential(mechanism: ScramMechanism, change: CredentialChange & { readonly kind: 'set' }): void {
  const { iterations, salt, saltedPassword } = change
  if (iterations < iterationsMin) throw unacceptable(`Too few iterations: ${iterationsMin} are the least.`)
  if (iterations > iterationsMax) throw unacceptable(`Too many iterations: ${iterationsMax} are the most.`)
  if (salt.length === 0 || salt.length > saltBytesMax) throw unacceptable(`A salt has 1 to ${saltBytesMax} bytes.`)
  const keyBytes = scramKeyBytes[mechanism]
  if (saltedPassword.length !== keyBytes) throw unacceptable(`A salted ${mechanism} password has ${keyBytes} bytes.`)
}

function unacceptable(message: string): BrokerError {
  return new BrokerError('unacceptable-credential', message)
}
