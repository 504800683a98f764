import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { HttpRequest } from '../host/http.ts'
import { ApiError } from './api-error.ts'
import { checkRead, checkWrite } from './request-guard.ts'
import type { GuardFacts } from './request-guard.ts'

const local: GuardFacts = { isLoopback: () => true, isEnabled: false, ownHosts: new Set(['broker.example']) }
const open: GuardFacts = { ...local, isLoopback: () => false, isEnabled: true }
const closed: GuardFacts = { ...open, isEnabled: false }
const json = 'application/json'

function refusal(check: typeof checkRead, facts: GuardFacts, headers: Record<string, string>): string | undefined {
  const request: HttpRequest = {
    method: 'PUT',
    path: '/',
    query: new Map(),
    headers: new Map(Object.entries(headers)),
    body: new Uint8Array(0),
  }
  try {
    check(request, facts)
    return undefined
  } catch (error) {
    assert.ok(error instanceof ApiError)
    return error.code
  }
}

describe('the guard of the API', () => {
  it('on a loopback port takes names that cannot be pointed there by strangers, and no others', () => {
    for (const host of [
      'localhost',
      'LOCALHOST:1',
      'a.localhost:15672',
      '127.0.0.1:15672',
      '[::1]:1',
      'Broker.example',
    ]) {
      assert.equal(refusal(checkRead, local, { host }), undefined, host)
      assert.equal(refusal(checkWrite, local, { host, 'content-type': json }), undefined, host)
    }
    for (const host of [
      'evil.example',
      'evil.example:15672',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '',
      '[evil]',
      'a:b:c',
    ]) {
      assert.equal(refusal(checkRead, local, { host }), 'host-refused', host)
      assert.equal(refusal(checkWrite, local, { host, 'content-type': json }), 'host-refused', host)
    }
  })

  it('leaves readers alone on a port that is open anyway', () => {
    assert.equal(refusal(checkRead, closed, { host: 'any.example' }), undefined)
  })

  it('allows changes from afar only if told so', () => {
    const headers = { host: 'any.example', 'content-type': json }
    assert.equal(refusal(checkWrite, closed, headers), 'admin-disabled')
    assert.equal(refusal(checkWrite, open, headers), undefined)
  })

  it('refuses what a form can send', () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'text/json', '']) {
      assert.equal(
        refusal(checkWrite, local, { host: 'localhost', 'content-type': type }),
        'unsupported-media-type',
        type,
      )
    }
    assert.equal(refusal(checkWrite, local, { host: 'localhost' }), 'unsupported-media-type')
    assert.equal(
      refusal(checkWrite, local, { host: 'localhost', 'content-type': 'Application/JSON; charset=utf-8' }),
      undefined,
    )
  })

  it('refuses pages of other origins, and pages that came by a name of a stranger', () => {
    const host = '127.0.0.1:15672'
    const write = (facts: GuardFacts, headers: Record<string, string>): string | undefined =>
      refusal(checkWrite, facts, { 'content-type': json, ...headers })
    assert.equal(write(local, { host, origin: 'http://127.0.0.1:15672' }), undefined)
    for (const origin of [
      'http://evil.example',
      'http://127.0.0.1',
      'http://127.0.0.1:15673',
      'null',
      '',
      'file://',
      'x',
    ]) {
      assert.equal(write(local, { host, origin }), 'foreign-origin', origin)
    }
    assert.equal(write(local, { origin: 'http://127.0.0.1' }), 'foreign-origin')
    // DNS rebinding of a port that is open: origin and host agree, and both are the stranger's.
    const rebound = { host: 'evil.example:15672', origin: 'http://evil.example:15672' }
    assert.equal(write(open, rebound), 'host-refused')
    assert.equal(write(open, { host: 'broker.example', origin: 'https://broker.example' }), undefined)
  })
})
