import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BrokerError } from '../errors/errors.ts'
import type { ScramMechanism } from '../image/user.ts'
import { ScramExchange } from './scram-exchange.ts'
import { ScramClient } from './testing/scram-client.ts'
import { credential, userWorld } from './testing/user-world.ts'

interface Vector {
  mechanism: ScramMechanism
  clientNonce: string
  serverNonce: string
  salt: string
  proof: string
  signature: string
}

/** User `user`, password `pencil`, 4096 iterations. */
const vectors: Vector[] = [
  // RFC 7677 §3.
  {
    mechanism: 'SCRAM-SHA-256',
    clientNonce: 'rOprNGfwEbeRWgbNEkqO',
    serverNonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
    salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
    proof: 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    signature: '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
  // No RFC has one for SHA-512: this one is made with the same nonce by an implementation of its own (Python's hashlib).
  {
    mechanism: 'SCRAM-SHA-512',
    clientNonce: 'rOprNGfwEbeRWgbNEkqO',
    serverNonce: '02431b08-2f0a-4bad-a4e6-80c0564ec865',
    salt: 'Yin2FuHTt/M0kJWb0t9OI32n2VmOGi3m+JfjOvuDF88=',
    proof: 'Al0H1Lu+smnIJn7hItO4ZLaEQqD/JqMYVndGRf2+KcavTc+eZoVhWL3DsRvMk0NCzAyAFPSvAeZB2vM9bxNPlQ==',
    signature: 'vGVd63Ep0KAepAdORbTV9dRdzrcBjti4rvATc+LJfSreZPbyQp8Thtex7UODuCo45MqAnEzj6KDOHP69Fo1PxQ==',
  },
]

async function exchangeOf({ mechanism, serverNonce, salt }: Vector): Promise<ScramExchange> {
  const { image, users } = userWorld()
  await users.alter([credential('user', 'pencil', mechanism, { salt: Buffer.from(salt, 'base64') })])
  const found = image.users.get('user')!.credentials.get(mechanism)!
  return new ScramExchange({ mechanism, nonce: serverNonce, find: () => ({ credential: found, refusal: undefined }) })
}

const isRefused = (error: unknown): boolean => error instanceof BrokerError && error.code === 'authentication-failed'
const bytes = (text: string): Buffer => Buffer.from(text)
const text = (given: Uint8Array): string => Buffer.from(given).toString()

for (const vector of vectors) {
  const { mechanism, clientNonce, serverNonce, salt, proof, signature } = vector
  const first = `n,,n=user,r=${clientNonce}`
  const final = `c=biws,r=${clientNonce}${serverNonce},p=${proof}`

  describe(`${mechanism}, known vector`, () => {
    test('each message is as known', async () => {
      const exchange = await exchangeOf(vector)
      const challenge = exchange.step(bytes(first))
      assert.equal(text(challenge.answer), `r=${clientNonce}${serverNonce},s=${salt},i=4096`)
      assert.equal(challenge.principal, undefined)
      const outcome = exchange.step(bytes(final))
      assert.equal(text(outcome.answer), `v=${signature}`)
      assert.deepEqual(outcome.principal, { type: 'User', name: 'user' })
    })

    test('what differs from it in anything is refused', async () => {
      const changes: Record<string, [first: string, final: string]> = {
        'another proof': [first, final.replace(/p=./, 'p=+')],
        'a proof cut short': [first, `${final.slice(0, -8)}`],
        'a proof with something added': [first, `${final.replace(/=+$/, '')}AAAA`],
        'no proof': [first, final.replace(/,p=.*/, '')],
        'an empty proof': [first, final.replace(/p=.*/, 'p=')],
        'another nonce': [first, final.replace(serverNonce, 'x')],
        'the nonce of the client only': [first, final.replace(serverNonce, '')],
        'another flag than at the start': [`y${first.slice(1)}`, final],
        'an extension that was not signed': [first, final.replace(',p=', ',x=1,p=')],
      }
      for (const [what, messages] of Object.entries(changes)) {
        const exchange = await exchangeOf(vector)
        exchange.step(bytes(messages[0]))
        assert.throws(() => exchange.step(bytes(messages[1])), isRefused, what)
      }
    })
  })
}

test('SCRAM takes the nonce that librdkafka before 2.6.1 makes, in its one form', async () => {
  const { mechanism, salt } = vectors[0]!
  const { image, users } = userWorld()
  await users.alter([credential('user', 'pencil', mechanism, { salt: Buffer.from(salt, 'base64') })])
  const found = image.users.get('user')!.credentials.get(mechanism)!
  const refused = /another exchange/
  for (const [nonce, reason] of [
    ['ccs', undefined],
    ['cccs', refused],
    ['s', refused],
    ['ccss', refused],
  ] as const) {
    const exchange = new ScramExchange({
      mechanism,
      nonce: 's',
      find: () => ({ credential: found, refusal: undefined }),
    })
    const client = new ScramClient(mechanism, 'user', 'pencil', 'c', () => nonce)
    const final = client.final(exchange.step(client.first).answer)
    if (reason === undefined) assert.ok(client.isServerProved(exchange.step(final).answer))
    else assert.throws(() => exchange.step(final), reason)
  }
})

describe('the first message of SCRAM', () => {
  const refused = [
    '',
    'n',
    'n,,',
    'n,,n=user',
    'n,,r=abc,n=user',
    'n,,n=,r=abc',
    'n,,n=user,r=',
    'n,,n=user,r=a b',
    'n,,n=us=er,r=abc',
    'n,,m=x,n=user,r=abc',
    'n,a=other,n=user,r=abc',
    'p=tls-unique,,n=user,r=abc',
    'n,,n=user,r=abc,tokenauth=true',
    `n,,n=${'u'.repeat(256)},r=abc`,
    `n,,n=user,r=${'a'.repeat(1025)}`,
  ]

  for (const message of refused) {
    test(`is refused: ${message.slice(0, 40)}`, async () => {
      const exchange = await exchangeOf(vectors[0]!)
      assert.throws(() => exchange.step(bytes(message)), isRefused)
    })
  }

  test('is refused if it is no UTF-8', async () => {
    const exchange = await exchangeOf(vectors[0]!)
    assert.throws(() => exchange.step(Buffer.concat([bytes('n,,n='), Buffer.of(0xff), bytes(',r=abc')])), isRefused)
  })

  test('may name the user twice, and have extensions that mean nothing here', async () => {
    for (const message of ['n,a=user,n=user,r=abc', 'y,,n=user,r=abc', 'n,,n=user,r=abc,x=1']) {
      const exchange = await exchangeOf(vectors[0]!)
      assert.match(text(exchange.step(bytes(message)).answer), /^r=abc%hv/)
    }
  })
})
