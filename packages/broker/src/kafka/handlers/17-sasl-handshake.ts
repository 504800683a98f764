import type { InferInput, SaslHandshakeResponse } from '@polylog/wire'
import { apis, errorCodes } from '@polylog/wire'
import type { LoginExchange } from '../../auth/authenticator.ts'
import { defineHandler } from '../handler.ts'
import { BrokerExchange } from '../peer/broker-exchange.ts'
import { brokerMechanism, nonceBytes, ProofDemand } from '../peer/broker-proof.ts'
import type { RequestContext } from '../request-context.ts'

/** From this version on the exchange goes in SaslAuthenticate requests; before, in bare tokens. */
const framedSince = 1

/**
 * Chooses how the client proves who it is: a mechanism of the authenticator, or the one that brokers use among themselves.
 * A mechanism that nobody knows is refused with the list of those there are, and ends a connection that must log in.
 */
export const saslHandshake = defineHandler({
  api: apis[17],

  handle({ mechanism }, context): InferInput<typeof SaslHandshakeResponse> {
    const { client, services, apiVersion } = context
    const { authentication } = client
    const mechanisms = [...(services.authenticator?.mechanisms ?? []), brokerMechanism]
    const mayBegin = !authentication.isProved || mayLogInAnew(context)
    if (authentication.isUnderWay || !mayBegin) {
      return { errorCode: errorCodes.ILLEGAL_SASL_STATE.code, mechanisms }
    }
    const isBare = apiVersion < framedSince
    const exchange = beginExchange(mechanism, isBare, context)
    if (exchange === undefined) {
      if (!authentication.mayServe) client.abort('the client knows no mechanism that is on')
      return { errorCode: errorCodes.UNSUPPORTED_SASL_MECHANISM.code, mechanisms }
    }
    authentication.begin(mechanism, exchange, isBare)
    return { errorCode: 0, mechanisms }
  },
})

function beginExchange(mechanism: string, isBare: boolean, { client, services }: RequestContext) {
  if (mechanism === brokerMechanism) return isBare ? undefined : brokerExchange()
  return services.authenticator?.begin(mechanism, client.remote.host)

  function brokerExchange(): LoginExchange {
    const { clusterSecret, brokerId } = services.config
    const demand = new ProofDemand(clusterSecret, brokerId, services.host.random.bytes(nonceBytes))
    return new BrokerExchange(demand, (broker) => {
      client.authentication.broker = broker
    })
  }
}

/** Brokers log in once; for clients, the time of a login may be limited. */
function mayLogInAnew({ client, services }: RequestContext): boolean {
  return services.config.reauthenticationMsMax > 0 && client.authentication.broker === undefined
}
