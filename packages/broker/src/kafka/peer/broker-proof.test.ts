import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { BrokerError } from '../../errors/errors.ts'
import { nonceBytes, ProofDemand, ProofOffer } from './broker-proof.ts'

const secret = 'c5'.repeat(32)
const claim = { brokerId: 7, brokerEpoch: 4_294_967_300, targetId: 2 }

function makeOffer(given: { secret?: string; nonce?: Buffer } = {}): ProofOffer {
  return new ProofOffer(given.secret ?? secret, claim, given.nonce ?? randomBytes(nonceBytes))
}

function makeDemand(given: { secret?: string; brokerId?: number } = {}): ProofDemand {
  return new ProofDemand(given.secret ?? secret, given.brokerId ?? 2, randomBytes(nonceBytes))
}

const isRefused = (error: unknown): boolean => error instanceof BrokerError && error.code === 'authentication-failed'

test('two brokers that know the secret believe each other, and who the dialling one is', () => {
  const offer = makeOffer()
  const demand = makeDemand()
  const { principal, answer } = demand.accept(offer.prove(demand.challenge(offer.hello)))
  offer.verify(answer)
  assert.deepEqual(principal, { brokerId: 7, brokerEpoch: 4_294_967_300 })
})

test('the bytes are those of docs/protocols/broker.md', () => {
  const nonce = Buffer.alloc(nonceBytes, 1)
  const offer = makeOffer({ nonce })
  const hello = Buffer.from(`01000000020000000700000001000000${'04'}${'01'.repeat(32)}`, 'hex')
  assert.deepEqual(offer.hello, hello)
  const challenge = Buffer.from(`01${'02'.repeat(32)}`, 'hex')
  const sign = (role: string, ...parts: Buffer[]): Buffer =>
    createHmac('sha256', Buffer.from(secret, 'hex'))
      .update(`POLYLOG-BROKER ${role}\0`)
      .update(Buffer.concat(parts))
      .digest()
  const proof = sign('client', hello, challenge)
  assert.deepEqual(offer.prove(challenge), proof)
  offer.verify(sign('server', hello, challenge, proof))
})

test('who does not know the secret is refused by either side', () => {
  const stranger = makeOffer({ secret: 'aa'.repeat(32) })
  const demand = makeDemand()
  assert.throws(() => demand.accept(stranger.prove(demand.challenge(stranger.hello))), isRefused)

  const offer = makeOffer()
  const impostor = makeDemand({ secret: 'aa'.repeat(32) })
  assert.throws(() => impostor.accept(offer.prove(impostor.challenge(offer.hello))), isRefused)
  // An impostor that says yes to everything has no proof of its own.
  assert.throws(() => offer.verify(randomBytes(32)), isRefused)
})

test('a proof that was overheard is worthless in the next exchange', () => {
  const offer = makeOffer()
  const first = makeDemand()
  const proof = offer.prove(first.challenge(offer.hello))
  first.accept(proof)
  const second = makeDemand()
  second.challenge(offer.hello)
  assert.throws(() => second.accept(proof), isRefused)
})

test('a proof sent back to its maker proves nothing', () => {
  const offer = makeOffer()
  const demand = makeDemand()
  const proof = offer.prove(demand.challenge(offer.hello))
  assert.throws(() => offer.verify(proof), isRefused)
})

test('a hello for another broker is refused: nobody can pass on a conversation to a third', () => {
  assert.throws(() => makeDemand({ brokerId: 3 }).challenge(makeOffer().hello), isRefused)
})

test('a proof before the challenge, or an answer before the proof, is refused', () => {
  assert.throws(() => makeDemand().accept(randomBytes(32)), isRefused)
  assert.throws(() => makeOffer().verify(randomBytes(32)), isRefused)
})

test('any changed byte of any message ends the exchange', () => {
  const change = (bytes: Buffer, place: number): Buffer => {
    const changed = Buffer.from(bytes)
    changed[place % changed.length]! ^= 1 + (place % 255)
    return changed
  }
  fc.assert(
    fc.property(fc.constantFrom(0, 1, 2, 3), fc.nat(1000), (which, place) => {
      const offer = makeOffer()
      const demand = makeDemand()
      const pass = (step: number, bytes: Buffer): Buffer => (step === which ? change(bytes, place) : bytes)
      assert.throws(() => {
        const challenge = pass(1, demand.challenge(pass(0, offer.hello)))
        const { answer } = demand.accept(pass(2, offer.prove(challenge)))
        offer.verify(pass(3, answer))
      }, isRefused)
    }),
  )
})

test('messages of any other length are refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      if (bytes.length !== 49) assert.throws(() => makeDemand().challenge(bytes), isRefused)
      if (bytes.length !== 33) assert.throws(() => makeOffer().prove(bytes), isRefused)
    }),
  )
})
