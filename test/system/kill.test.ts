import { deepEqual, match, ok } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { killLoop } from './kill-loop.ts'

const kills = Number(process.env['POLYLOG_TEST_KILLS'] ?? 6)
const timeout = 180_000 + kills * 10_000

describe(`kill -9 under load, ${kills} times (POLYLOG_TEST_KILLS, or node test/system/kill-loop.ts --kills N)`, () => {
  it('nothing acknowledged is lost, nothing is stored twice, no offset changes, keys stay in order, commits stay', {
    timeout,
  }, async (context) => {
    const seed = Number(process.env['POLYLOG_TEST_SEED'] ?? 1)
    const { anomalies, acknowledgedCount, readCount, restartsMs } = await killLoop({ kills, seed })
    deepEqual(anomalies.slice(0, 10), [], `seed ${seed}`)
    ok(acknowledgedCount > 100 * kills, `only ${acknowledgedCount} records were acknowledged`)
    const slowest = Math.max(...restartsMs).toFixed(0)
    context.diagnostic(
      `seed ${seed}: ${acknowledgedCount} acknowledged, ${readCount} read, slowest restart ${slowest} ms`,
    )
  })

  it('canary: a broker that acknowledges before it writes is caught', { timeout }, async () => {
    const entry = fileURLToPath(new URL('canary/forgetful-broker.ts', import.meta.url))
    const { anomalies } = await killLoop({ kills: 3, seed: 1, entry })
    match(anomalies.join('\n'), /^lost: /m)
  })
})
