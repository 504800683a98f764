import type { Administration } from './administration.ts'
import type { Authenticator } from './auth/authenticator.ts'
import { ensureBootstrapUser } from './auth/bootstrap-user.ts'
import { UserAdmin } from './auth/user-admin.ts'
import { UserAuthenticator } from './auth/user-authenticator.ts'
import type { BrokerStorage } from './broker-storage.ts'
import type { BrokerSettings } from './config/broker-table.ts'
import { BrokerError } from './errors/errors.ts'
import type { Host } from './host/host.ts'
import { readPasswordFile } from './password-file.ts'
import type { Logger } from './telemetry/logger.ts'

export interface BrokerLoginParts {
  readonly settings: BrokerSettings
  readonly host: Host
  readonly logger: Logger
  readonly storage: BrokerStorage
  readonly administration: Administration
  /** In the place of the cluster's users. */
  readonly authenticator: Authenticator | undefined
}

/** Who may connect to this broker, and the users that it knows. */
export class BrokerLogin {
  /** Undefined if nobody need log in. */
  readonly authenticator: Authenticator | undefined
  readonly users: UserAdmin
  readonly #parts: BrokerLoginParts
  readonly #password: Buffer | undefined

  /** @throws BrokerError 'invalid-config' */
  constructor(parts: BrokerLoginParts) {
    this.#parts = parts
    const { settings, host, storage, administration } = parts
    const { image } = storage.feed
    this.users = new UserAdmin(image, administration.cluster)
    this.#password = bootstrapPassword(parts)
    const ofUsers = new UserAuthenticator({
      image,
      random: host.random,
      mechanisms: settings.saslMechanisms,
      decoySecret: storage.cluster.secret,
    })
    this.authenticator = parts.authenticator ?? (settings.saslMechanisms.length > 0 ? ofUsers : undefined)
  }

  /**
   * Makes the first user if the settings name one. Needs a broker that is registered.
   * @throws BrokerError
   */
  async makeFirstUser(): Promise<void> {
    if (this.#password === undefined) return
    const { settings, host, logger, storage } = this.#parts
    const { image } = storage.feed
    const parts = { image, users: this.users, random: host.random, logger }
    await ensureBootstrapUser(settings.bootstrapUser, this.#password, parts)
    this.#password.fill(0)
  }

  /**
   * Tells of users who are gone; returns what ends that. Users of another authenticator are not known here.
   * @param gone called with their names
   */
  onGone(gone: (names: ReadonlySet<string>) => void): () => void {
    const { feed } = this.#parts.storage
    return feed.onChange(({ users }) => {
      const names = new Set([...users].filter((name) => !feed.image.users.has(name)))
      if (names.size > 0 && this.#parts.authenticator === undefined) gone(names)
    })
  }
}

function bootstrapPassword({ settings, host }: BrokerLoginParts): Buffer | undefined {
  const { bootstrapUser, bootstrapPasswordFile } = settings
  if ((bootstrapUser === '') !== (bootstrapPasswordFile === '')) {
    throw new BrokerError('invalid-config', 'bootstrap.user and bootstrap.password.file go together')
  }
  if (bootstrapUser === '') return undefined
  return Buffer.from(readPasswordFile(host.disk, 'bootstrap.password.file', bootstrapPasswordFile))
}
