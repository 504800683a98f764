import type { InferInput, SaslAuthenticateResponse } from '@polylog/wire'
import { apis, errorCodes } from '@polylog/wire'
import type { LoginStep } from '../../auth/authenticator.ts'
import { formatPrincipal } from '../../auth/principal.ts'
import { BrokerError } from '../../errors/errors.ts'
import { defineHandler } from '../handler.ts'
import { brokerMechanism } from '../peer/broker-proof.ts'
import type { Client, RequestContext } from '../request-context.ts'

type Response = InferInput<typeof SaslAuthenticateResponse>

const noBytes = Buffer.alloc(0)
/** From this version on the client is told how long the login counts (KIP-368). */
const lifetimeSince = 1

/** One step of the login that SaslHandshake has begun. A client that fails is told so, later, and disconnected. */
export const saslAuthenticate = defineHandler({
  api: apis[36],

  async handle({ authBytes }, context): Promise<Response> {
    const { client, services } = context
    const { authentication } = client
    if (!authentication.isUnderWay) {
      return refusal(errorCodes.ILLEGAL_SASL_STATE.code, 'SaslHandshake with version 1 or later comes first.')
    }
    const receivedAtMs = services.host.clock.monotonicMs()
    const { mechanism } = authentication
    try {
      return accept(await authentication.step(authBytes), context)
    } catch (error) {
      const refused = refuse(error, mechanism, context)
      await failureDelay(receivedAtMs, context)
      if (context.isBare) context.answerNothing()
      client.abort('authentication failed')
      return refused
    }
  },

  refuse: refusal,
})

function accept({ answer, principal }: LoginStep, { client, services, apiVersion, isBare }: RequestContext): Response {
  const { authentication } = client
  const authBytes = Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength)
  if (principal === undefined) return { errorCode: 0, errorMessage: null, authBytes }
  const { broker } = authentication
  if (broker !== undefined) services.logger.debug('broker connected', { ...broker })
  else services.logger.debug('client logged in', { peer: peerOf(client), principal: formatPrincipal(principal) })
  const lifetimeMs = broker === undefined ? services.config.reauthenticationMsMax : 0
  // A client that is not told of the time cannot keep to it.
  const knowsLifetime = lifetimeMs > 0 && apiVersion >= lifetimeSince && !isBare
  if (knowsLifetime) authentication.expireAt(services.host.clock.monotonicMs() + lifetimeMs)
  return { errorCode: 0, errorMessage: null, authBytes, sessionLifetimeMs: knowsLifetime ? lifetimeMs : 0 }
}

/** The log gets the reason, the client one text for all reasons: it must not learn which names there are. */
function refuse(error: unknown, mechanism: string | undefined, { client, services, api }: RequestContext): Response {
  const { logger, metrics, authenticator } = services
  const isExpected = error instanceof BrokerError
  const peer = peerOf(client)
  if (isExpected) logger.warn('login refused', { peer, mechanism, reason: error.message })
  else logger.error('authenticator failed', { peer, stack: error instanceof Error ? error.stack : String(error) })
  const { code } = errorCodes.SASL_AUTHENTICATION_FAILED
  metrics.errorAnswered(api.key, code)
  // Brokers have no names that could be guessed, and whoever set them up needs to know.
  if (isExpected && mechanism === brokerMechanism) return refusal(code, error.message)
  const choice = (authenticator?.mechanisms ?? []).join(', ')
  const hint = choice === '' ? '' : ` This broker takes ${choice}.`
  return refusal(code, `Authentication failed: user name, password or mechanism is wrong.${hint}`)
}

/** Counted from the arrival of the message, so that the answer does not tell how much work there was. */
function failureDelay(receivedAtMs: number, context: RequestContext): Promise<void> {
  const { clock } = context.services.host
  const leftMs = receivedAtMs + context.services.config.authenticationFailureDelayMs - clock.monotonicMs()
  if (leftMs <= 0) return Promise.resolve()
  return new Promise((resolve) => {
    const timer = clock.startTimer(leftMs, resolve)
    context.park(() => {
      timer.cancel()
      resolve()
    })
  })
}

function refusal(errorCode: number, errorMessage: string): Response {
  return { errorCode, errorMessage, authBytes: noBytes }
}

function peerOf({ remote }: Client): string {
  return `${remote.host}:${remote.port}`
}
