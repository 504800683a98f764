import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { HttpRequest } from '../host/http.ts'
import { adminHandler } from './admin-handler.ts'
import type { AdminSources } from './admin-handler.ts'
import { routes } from './cluster-api.ts'
import type { LoginFacts } from './login-gate.ts'
import { adminSources } from './testing/admin-sources.ts'

const facts: LoginFacts = {
  isMonitoringOpen: true,
  check: async (name, password) =>
    Buffer.from(password).toString() === `${name}:secret` ? { type: 'User', name } : undefined,
  mayUse: ({ name }, _host, purpose) => name === 'admin' || (name === 'ann' && purpose === 'read'),
}

async function ask(
  path: string,
  { method = 'GET', login = facts as ReturnType<NonNullable<AdminSources['login']>>, user = '', header = '' } = {},
): Promise<{ status: number; body: string; challenge: string | undefined }> {
  const authorization =
    header === '' && user !== '' ? `Basic ${Buffer.from(`${user}:${user}:secret`).toString('base64')}` : header
  const headers = new Map([['content-type', 'application/json']])
  if (authorization !== '') headers.set('authorization', authorization)
  const request: HttpRequest = { method, path, query: new Map(), headers, body: new Uint8Array(0) }
  const guard = { isLoopback: () => false, isEnabled: false, ownHosts: new Set<string>() }
  const handler = adminHandler(adminSources({ guard, login: () => login }))
  const answer = await handler(request)
  return { status: answer.status, body: String(answer.body), challenge: answer.headers['www-authenticate'] }
}

/** The cluster is not there in these tests: to have come this far is to have got in. */
const beyond = 503

/** What every route of the API must answer whom: reading asks for one right, changing for another (ADR 8). */
const visitors = [
  { who: 'nobody', header: '', read: 401, change: 401 },
  { who: 'a stranger', header: `Basic ${btoa('ann:wrong')}`, read: 401, change: 401 },
  { who: 'a user without rights', header: `Basic ${btoa('eve:eve:secret')}`, read: 403, change: 403 },
  { who: 'a user who may describe', header: `Basic ${btoa('ann:ann:secret')}`, read: beyond, change: 403 },
  { who: 'a user who may alter', header: `Basic ${btoa('admin:admin:secret')}`, read: beyond, change: beyond },
]

describe('every route of the HTTP API, where clients must log in,', () => {
  const calls = routes.flatMap(({ path, actions }) => {
    const methods = Object.keys(actions)
    const all = methods.includes('GET') ? [...methods, 'HEAD'] : methods
    return all.map((method) => ({ method, path: path.replaceAll(/\{[^}]+\}/g, '1') }))
  })

  for (const { who, header, read, change } of visitors) {
    it(`answers ${who} as it should`, async () => {
      assert.ok(calls.length >= 19, 'routes and methods')
      for (const { method, path } of calls) {
        const wanted = method === 'GET' || method === 'HEAD' ? read : change
        assert.equal((await ask(path, { method, header })).status, wanted, `${method} ${path}`)
      }
    })
  }

  it('is closed to everybody but those whom a rule lets in, where rules are asked and nobody logs in', async () => {
    const everybody = { type: 'User', name: 'ANONYMOUS' }
    const login: LoginFacts = {
      isMonitoringOpen: true,
      everybody,
      mayUse: (_who, _host, purpose) => purpose === 'read',
    }
    for (const { method, path } of calls) {
      const isRead = method === 'GET' || method === 'HEAD'
      assert.equal((await ask(path, { method, login })).status, isRead ? beyond : 403, `${method} ${path}`)
    }
  })

  it('cannot be had under another name', async () => {
    const paths = [
      '/health/../api/cluster',
      '/metrics/../api/cluster',
      '//api/cluster',
      '/API/cluster',
      '/%61pi/cluster',
    ]
    for (const path of paths) {
      const { status } = await ask(path)
      assert.ok(status === 401 || status === 404, `${path}: ${status}`)
    }
    assert.equal((await ask('/api/cluster', { method: 'TRACE' })).status, 401)
  })
})

describe('the HTTP port where clients must log in', () => {
  it('lets nobody in without a login, but to look at health and metrics', async () => {
    for (const path of ['/', '/api/cluster', '/api/policies/x', '/nowhere']) {
      const { status, challenge } = await ask(path)
      assert.deepEqual([status, challenge], [401, 'Basic realm="polylog", charset="UTF-8"'], path)
    }
    for (const path of ['/metrics', '/health/live', '/health/ready']) {
      assert.equal((await ask(path)).status, 200)
      assert.equal((await ask(path, { login: { ...facts, isMonitoringOpen: false } })).status, 401)
      assert.equal((await ask(path, { login: { ...facts, isMonitoringOpen: false }, user: 'ann' })).status, 200)
    }
  })

  it('lets users in, and asks what they may do; http.admin.enable is for those without a login', async () => {
    assert.equal((await ask('/', { user: 'ann' })).status, 200)
    assert.equal((await ask('/api/cluster', { user: 'ann' })).status, beyond)
    const refused = await ask('/api/policies/x', { user: 'ann', method: 'PUT' })
    assert.equal(refused.status, 403)
    assert.match(refused.body, /cluster-not-authorized/)
    assert.equal((await ask('/api/policies/x', { user: 'admin', method: 'PUT' })).status, beyond)
    const anonymous = await ask('/api/policies/x', { login: 'open', method: 'PUT' })
    assert.match(anonymous.body, /admin-disabled/)
  })

  it('refuses every header that is none', async () => {
    const wrong = ['Bearer x', 'Basic', 'Basic ', 'Basic !!!', `Basic ${btoa('ann')}`, `Basic ${btoa(':x')}`]
    for (const header of [...wrong, `Basic ${btoa(`ann:${'x'.repeat(2000)}`)}`]) {
      const { status, body } = await ask('/api/cluster', { header })
      assert.deepEqual([status, /A login is needed/.test(body)], [401, true], header)
    }
    const { status, body } = await ask('/api/cluster', { header: `Basic ${btoa('ann:no')}` })
    assert.deepEqual([status, /name or password is wrong/.test(body)], [401, true])
  })

  it('before the users are known, shows health and metrics only', async () => {
    assert.equal((await ask('/health/live', { login: 'starting' })).status, 200)
    const { status, body } = await ask('/api/cluster', { login: 'starting', user: 'admin' })
    assert.deepEqual([status, /does not know its users yet/.test(body)], [503, true])
  })
})
