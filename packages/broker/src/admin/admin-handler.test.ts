import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MetricsRegistry } from '../telemetry/metrics.ts'
import { adminHandler } from './admin-handler.ts'
import type { AdminSources } from './admin-handler.ts'
import type { HttpRequest, HttpResponse } from '../host/http.ts'
import { adminSources } from './testing/admin-sources.ts'

const get = (path: string, method = 'GET'): HttpRequest => ({
  method,
  path,
  query: new Map(),
  headers: new Map(),
  body: new Uint8Array(0),
})

async function ask(request: HttpRequest, changes: Partial<AdminSources> = {}): Promise<HttpResponse> {
  return await adminHandler(adminSources(changes))(request)
}

describe('admin pages', () => {
  it('say what this is', async () => {
    const response = await ask(get('/'))
    assert.equal(response.status, 200)
    assert.match(String(response.body), /^Polylog 0\.1\.0.*\n\nState {11}ready\nKafka clients {3}127\.0\.0\.1:9092\n/)
    assert.equal(response.headers['x-content-type-options'], 'nosniff')
  })

  it('tell the health', async () => {
    assert.deepEqual((await ask(get('/health/live'))).body, '{"status":"ok"}\n')
    const starting = { findUnreadiness: () => 'recovering' }
    assert.equal((await ask(get('/health/live'), starting)).status, 200)
    const unready = await ask(get('/health/ready'), starting)
    assert.deepEqual([unready.status, unready.body], [503, '{"status":"failing","reason":"recovering"}\n'])
    const dead = { findDeath: () => 'the journal cannot be synced' }
    assert.equal((await ask(get('/health/live'), dead)).status, 503)
    assert.equal((await ask(get('/health/ready'), dead)).status, 503)
  })

  it('serve metrics', async () => {
    const metrics = new MetricsRegistry()
    metrics.counter('x_total', 'X.').add(2)
    const response = await ask(get('/metrics'), { metrics })
    assert.match(String(response.body), /^x_total 2$/m)
    assert.match(response.headers['content-type']!, /version=0\.0\.4/)
  })

  it('answer mistakes as JSON', async () => {
    const missing = await ask(get('/metrcs'))
    assert.equal(missing.status, 404)
    assert.deepEqual(JSON.parse(String(missing.body)), {
      error: 'unknown-path',
      message: 'There is no such page.',
      hint: 'Did you mean /metrics?',
    })
    assert.equal((await ask(get('/constructor'))).status, 404)
    const post = await ask(get('/metrics', 'POST'))
    assert.deepEqual([post.status, post.headers['allow']], [405, 'GET, HEAD'])
    const head = await ask(get('/metrics', 'HEAD'))
    assert.deepEqual([head.status, head.body], [200, ''])
  })
})
