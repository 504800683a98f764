import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { apis } from '@polylog/wire'
import { nonceBytes, ProofOffer } from '../peer/broker-proof.ts'
import { testSecret } from './test-broker.ts'
import type { TestClient } from './test-client.ts'

export interface ClaimOfTest {
  brokerId: number
  brokerEpoch: number
  targetId?: number
  secret?: string
}

/** Lets a raw client prove that it is a broker; returns the last answer. */
export async function proveBroker(client: TestClient, claim: ClaimOfTest) {
  const handshake = await client.call(apis[17], 1, { mechanism: 'POLYLOG-BROKER' })
  assert.equal(handshake.errorCode, 0)
  const offer = new ProofOffer(claim.secret ?? testSecret, { targetId: 1, ...claim }, randomBytes(nonceBytes))
  const first = await client.call(apis[36], 2, { authBytes: offer.hello })
  if (first.errorCode !== 0) return first
  const second = await client.call(apis[36], 2, { authBytes: offer.prove(first.authBytes) })
  if (second.errorCode === 0) offer.verify(second.authBytes)
  return second
}
