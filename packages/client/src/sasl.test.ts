import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ClientError } from './client-error.ts'
import { saltPassword, saslLogin } from './sasl.ts'

/** The nonce of RFC 7677 §3 cannot come out of base64url, so that vectors go through a fixed nonce of its own. */
const random = (size: number): Uint8Array => new Uint8Array(size)
const nonce = Buffer.alloc(24).toString('base64url')

const failedWith = (reason: RegExp) => (error: unknown) =>
  error instanceof ClientError && error.code === 'authentication-failed' && reason.test(error.message)
const invalidWith = (reason: RegExp) => (error: unknown) =>
  error instanceof ClientError && error.code === 'invalid-options' && reason.test(error.message)

describe('SASL', () => {
  it('PLAIN says name and password, and expects nothing', () => {
    const login = saslLogin({ user: 'ann', password: 'x', mechanism: 'PLAIN' }, random)
    assert.equal(login.first().toString(), '\0ann\0x')
    assert.equal(login.next(Buffer.alloc(0)), undefined)
    login.finish(Buffer.alloc(0))
  })

  // Computed with Python's hashlib from password "pencil", the salt of RFC 7677 §3 and the nonces here.
  const vectors = [
    ['SCRAM-SHA-256', 'XTs7kjv2vX9CVUybkwsGttKTI8fbPRSQAEncVlGbO0w=', 'SXX3QPGHonsJmWu6Y8CGP3tVR9Wmx5HZZHKjW2TIBW4='],
    [
      'SCRAM-SHA-512',
      'inQn004Is/chIf4683Ht6pBpgDgC7wJptX8ZH6sVkGuDkBCoeFxreJcLOWjVDhbSpnc6zaHaABvw4QFKw+Jt/w==',
      'D5Dew97UqjWXpog5hy7CSKZLJG9VJHNJiR/m7dY3xqu/C06AuJb8+rHc/8iRr5RxW2WB9x8WpIhQmYChOtxJ2w==',
    ],
  ] as const
  const challenge = `r=${nonce}server,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`

  for (const [mechanism, proof, signature] of vectors) {
    it(`${mechanism} proves the password and checks the broker`, async () => {
      const login = saslLogin({ user: 'a=b,c', password: 'pencil', mechanism }, random)
      assert.equal(login.first().toString(), `n,,n=a=3Db=2Cc,r=${nonce}`)
      const final = await login.next(Buffer.from(challenge))!
      assert.equal(final.toString(), `c=biws,r=${nonce}server,p=${proof}`)
      const last = Buffer.from(`v=${signature}`)
      assert.equal(login.next(last), undefined)
      login.finish(last)
      for (const wrong of ['', 'v=', 'e=other-error', `v=${signature.replace(/./, '+')}`]) {
        assert.throws(() => login.finish(Buffer.from(wrong)), failedWith(/cannot prove/), wrong)
      }
    })
  }

  it('SCRAM takes no challenge that is not one, or that would give the password away', async () => {
    const wrong = {
      '': /form/,
      'e=invalid-encoding': /form/,
      [challenge.replace(nonce, 'other')]: /form/,
      [challenge.replace('server', '')]: /form/,
      [challenge.replace('i=4096', 'i=x')]: /form/,
      [challenge.replace('i=4096', 'i=1')]: /1 iterations/,
      [challenge.replace('i=4096', 'i=100000000')]: /100000000 iterations/,
    }
    for (const [text, reason] of Object.entries(wrong)) {
      const login = saslLogin({ user: 'ann', password: 'pencil' }, random)
      await assert.rejects(async () => await login.next(Buffer.from(text)), failedWith(reason), text)
      assert.throws(() => login.finish(Buffer.from('v=')), failedWith(/cannot prove/))
    }
  })

  it('takes printable ASCII, and says so without the password', async () => {
    for (const credentials of [
      { user: '', password: 'x' },
      { user: 'Käthe', password: 'x' },
      { user: 'ann', password: '' },
      { user: 'ann', password: 'geheimß' },
      { user: 'ann', password: 'x', mechanism: 'GSSAPI' as never },
    ]) {
      assert.throws(() => saslLogin(credentials, random), invalidWith(/^(?!.*geheim)/))
    }
    assert.throws(() => saltPassword('SCRAM-SHA-256', 'ß', Buffer.from('salt'), 4096), invalidWith(/ASCII/))
  })
})
