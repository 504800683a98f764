import { deepEqual, ok } from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { findEtcd } from '../world/etcd.ts'
import type { RunOptions } from './harness/command.ts'
import { whyNoStalls } from './harness/stallable-disk.ts'
import type { Verdict } from './load/load.ts'
import { killAll } from './runs/kill-all.ts'
import { killLeader } from './runs/kill-leader.ts'
import { killOne } from './runs/kill-one.ts'
import { partition } from './runs/partition.ts'
import { pauseLeader } from './runs/pause-leader.ts'
import { restartEach } from './runs/restart-each.ts'
import { stallDisk } from './runs/stall-disk.ts'

const timeout = 180_000
const seed = Number(process.env['POLYLOG_TEST_SEED'] ?? 1)

/** Runs the short form; the long ones are commands of their own, see the files in runs/. */
async function prove<T extends Verdict>(
  context: TestContext,
  count: number,
  run: (options: RunOptions) => Promise<T>,
): Promise<T> {
  const result = await run({ seed, count, progress: () => {} })
  deepEqual(result.anomalies.slice(0, 10), [], `seed ${seed}`)
  ok(result.acknowledged > 100, `only ${result.acknowledged} records were acknowledged`)
  context.diagnostic(`seed ${seed}: ${JSON.stringify(result)}`)
  return result
}

const why = findEtcd().length > 0 ? undefined : 'there is no etcd on the PATH (Debian: apt-get install etcd-server)'
if (why !== undefined) console.error(`\nNOT TESTED: clusters of real processes: ${why}\n`)

describe('three brokers in processes of their own, etcd, and real clients lose nothing when', {
  skip: why ?? false,
}, () => {
  it('one broker after the other is killed', { timeout }, async (context) => {
    await prove(context, 4, killOne)
  })

  it('the leader is killed', { timeout }, async (context) => {
    await prove(context, 2, killLeader)
  })

  it('the leader is killed, and nobody waits for its lease to run out', { timeout }, async (context) => {
    const lease = ['broker.session.timeout.ms=600000']
    await prove(context, 2, (options) => killLeader({ ...options, settings: lease }))
  })

  it('the leader is killed, unless it acknowledges too early', { timeout }, async () => {
    const program = fileURLToPath(new URL('canary/hasty-leader.ts', import.meta.url))
    const { anomalies } = await killLeader({ seed, count: 2, progress: () => {}, program })
    ok(
      anomalies.some((anomaly) => anomaly.startsWith('lost: ')),
      `the canary was not caught with seed ${seed}: ${anomalies.slice(0, 3).join()}`,
    )
  })

  it('all brokers are killed at once', { timeout }, async (context) => {
    await prove(context, 3, killAll)
  })

  it('each broker is stopped and started, and no client sees an error', { timeout }, async (context) => {
    const { clientErrors, exitCodes } = await prove(context, 1, restartEach)
    deepEqual(clientErrors, [])
    deepEqual(exitCodes, { 0: 3 })
  })

  it('the process of the leader stands still for three lease times', { timeout }, async (context) => {
    await prove(context, 1, pauseLeader)
  })

  const whyNot = whyNoStalls()
  if (whyNot !== undefined) console.error(`\nNOT TESTED: stalled disks: ${whyNot}\n`)
  it('the disk of the leader stalls', { timeout, skip: whyNot ?? false }, async (context) => {
    await prove(context, 1, stallDisk)
  })

  it('the leader is cut off from its followers, or from etcd', { timeout }, async (context) => {
    const only = ['leader cut from followers', 'leader cut from etcd']
    await prove(context, 1, (options) => partition(options, only))
  })
})
