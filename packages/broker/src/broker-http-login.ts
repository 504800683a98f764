import type { LoginFacts } from './admin/login-gate.ts'
import type { Authenticator } from './auth/authenticator.ts'
import type { Authorizer } from './auth/authorizer.ts'
import { theCluster } from './auth/authorizer.ts'
import { anonymous } from './auth/principal.ts'
import type { BrokerSettings } from './config/broker-table.ts'
import { BrokerError } from './errors/errors.ts'
import type { Clock } from './host/clock.ts'
import type { Logger } from './telemetry/logger.ts'

export interface HttpLoginParts {
  readonly settings: BrokerSettings
  readonly clock: Clock
  readonly logger: Logger
  /** Undefined: nobody need log in. */
  readonly authenticator: Authenticator | undefined
  /** Undefined: everybody who gets in may do everything. */
  readonly authorizer: Authorizer | undefined
}

/** Whom the HTTP port lets do what: the users and rules of the Kafka port. */
export function httpAccess(parts: HttpLoginParts): LoginFacts | 'open' {
  const { authenticator, authorizer } = parts
  const mayUse: LoginFacts['mayUse'] = (principal, peerHost, purpose) =>
    authorizer?.isAllowed(principal, peerHost, purpose === 'read' ? 'describe' : 'alter', theCluster) ?? true
  if (authenticator !== undefined) return { ...httpLogin(parts, authenticator), mayUse }
  // Everybody is the same, but that does not put anybody above the rules.
  return authorizer === undefined ? 'open' : { isMonitoringOpen: true, everybody: anonymous, mayUse }
}

function httpLogin(
  { settings, clock, logger }: HttpLoginParts,
  authenticator: Authenticator,
): Omit<LoginFacts, 'mayUse'> {
  const delay = (delayMs: number): Promise<void> =>
    delayMs <= 0 ? Promise.resolve() : new Promise((resolve) => clock.startTimer(delayMs, resolve))
  return {
    isMonitoringOpen: settings.httpAnonymousMetrics,
    async check(name, password, peerHost) {
      const receivedAtMs = clock.monotonicMs()
      try {
        return await authenticator.checkPassword(name, password, peerHost)
      } catch (error) {
        const isExpected = error instanceof BrokerError
        if (isExpected) logger.warn('login refused', { peer: peerHost, mechanism: 'HTTP Basic', reason: error.message })
        else
          logger.error('authenticator failed', {
            peer: peerHost,
            stack: error instanceof Error ? error.stack : String(error),
          })
        await delay(receivedAtMs + settings.authenticationFailureDelayMs - clock.monotonicMs())
        return undefined
      }
    },
  }
}
