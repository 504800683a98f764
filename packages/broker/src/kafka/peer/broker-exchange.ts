import type { LoginExchange, LoginStep } from '../../auth/authenticator.ts'
import type { BrokerPrincipal, ProofDemand } from './broker-proof.ts'

/** Kind of name that a broker has beside users. */
const brokerType = 'Broker'

/** Another broker proves that it is one, as a login like any other. */
export class BrokerExchange implements LoginExchange {
  readonly #demand: ProofDemand
  readonly #accepted: (broker: BrokerPrincipal) => void

  /** @param accepted told which broker it is */
  constructor(demand: ProofDemand, accepted: (broker: BrokerPrincipal) => void) {
    this.#demand = demand
    this.#accepted = accepted
  }

  step(message: Uint8Array): LoginStep {
    const demand = this.#demand
    if (!demand.isChallenged) return { answer: demand.challenge(message) }
    const { principal, answer } = demand.accept(message)
    this.#accepted(principal)
    return { answer, principal: { type: brokerType, name: String(principal.brokerId) } }
  }
}
