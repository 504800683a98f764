import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { Cluster, createTopic } from '@polylog/client/admin'
import { BrokerProcess, mainFile } from './broker-process.ts'
import { findAnomalies } from './kill/history.ts'
import { readAll } from './kill/readers.ts'
import { writePipelined, writeWithKafkajs } from './kill/writers.ts'
import { until } from './wait.ts'

const topic = 'ledger'

async function makeTopic(broker: BrokerProcess, partitionCount: number): Promise<void> {
  await using cluster = new Cluster({ brokers: broker.address })
  await createTopic(cluster, { name: topic, partitionCount })
}

describe('the ready line', () => {
  it('is one line of JSON with exactly these fields in this order, and all that is on stdout', async () => {
    await using owner = await BrokerProcess.start()
    equal(await owner.terminate(), 0)
    const words = ['start', '--data', owner.directory, '--kafka', '127.0.0.1:0', '--http', '127.0.0.1:0', '--json']
    const child = spawn(process.execPath, [mainFile, ...words], { stdio: ['ignore', 'pipe', 'ignore'] })
    let stdout = ''
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    try {
      await until('a line on stdout', () => stdout.includes('\n'))
      const pattern = /^\{"event":"ready","kafka":"127\.0\.0\.1:(\d+)","http":"127\.0\.0\.1:(\d+)","pid":(\d+)\}\n$/
      match(stdout, pattern)
      const [, kafka, http, pid] = pattern.exec(stdout)!
      equal(Number(pid), child.pid)
      // It serves as soon as it has said so.
      await using cluster = new Cluster({ brokers: `127.0.0.1:${kafka}` })
      ok((await cluster.describe()).clusterId)
      equal((await fetch(`http://127.0.0.1:${http}/health/live`)).status, 200)
    } finally {
      child.kill('SIGTERM')
      const [code] = (await once(child, 'close')) as [number]
      equal(code, 0)
    }
    equal(stdout.split('\n').length, 2, `more than the ready line: ${stdout}`)
  })
})

describe('SIGTERM', () => {
  it('under load: exit 0 within bounded time, nothing acknowledged is lost, the next start is clean', async () => {
    await using broker = await BrokerProcess.start()
    await makeTopic(broker, 4)
    await using pipelined = writePipelined(broker.address, topic, [2, 3])
    await using idempotent = writeWithKafkajs(broker.address, topic, [0, 1])
    const writers = [pipelined, idempotent]
    await until('both writers are at work', () => writers.every(({ acknowledged }) => acknowledged.length > 500))
    const start = performance.now()
    equal(await broker.terminate(), 0)
    const stopMs = performance.now() - start
    ok(stopMs < 30_000, `the stop took ${stopMs} ms, which is the default of shutdown.timeout.ms`)
    match(broker.log, /INFO {2}stopped$/m)
    broker.log = ''
    await broker.restart()
    await until('writers go on', () => writers.every((writer) => writer.acknowledged.length > 600))
    for (const writer of writers) await writer.stop()
    const acknowledged = writers.flatMap((writer) => writer.acknowledged)
    const readAfter = await readAll(broker.address, topic)
    const refusals: string[] = []
    deepEqual(findAnomalies({ refusals, acknowledged, readWhile: [], readAfter, committed: [] }).slice(0, 10), [])
    ok(!/recover|torn|damage/i.test(broker.log), `the start after a clean stop recovered something:\n${broker.log}`)
  })

  it('a second signal ends the process at once, and the data is still good', async () => {
    await using broker = await BrokerProcess.start()
    await makeTopic(broker, 2)
    await using writer = writePipelined(broker.address, topic, [0, 1])
    await until('the writer is at work', () => writer.acknowledged.length > 500)
    broker.signal('SIGSTOP')
    // Both are there when it wakes up, so that the second arrives while the stop runs, or just after it.
    broker.signal('SIGTERM')
    broker.signal('SIGINT')
    broker.signal('SIGCONT')
    const code = await broker.ended()
    ok(code === 1 || code === 0, `exit code ${code}`)
    await broker.restart()
    await writer.stop()
    const readAfter = await readAll(broker.address, topic)
    const { acknowledged } = writer
    deepEqual(findAnomalies({ refusals: [], acknowledged, readWhile: [], readAfter, committed: [] }).slice(0, 10), [])
  })

  it('before the broker serves: it still ends, with nothing on stdout', async () => {
    await using owner = await BrokerProcess.start()
    equal(await owner.terminate(), 0)
    const words = ['start', '--data', owner.directory, '--kafka', '127.0.0.1:0', '--http', 'none', '--json']
    const child = spawn(process.execPath, [mainFile, ...words], { stdio: ['ignore', 'pipe', 'ignore'] })
    child.kill('SIGTERM')
    await once(child, 'close')
    equal(child.stdout.read(), null)
    await owner.restart()
  })
})

describe('HTTP under load', () => {
  it('health and metrics answer while clients write', async () => {
    await using broker = await BrokerProcess.start()
    await makeTopic(broker, 2)
    await using writer = writePipelined(broker.address, topic, [0, 1])
    await until('the writer is at work', () => writer.acknowledged.length > 500)
    for (const path of ['/health/live', '/health/ready'])
      equal((await fetch(`http://${broker.http}${path}`)).status, 200)
    const metrics = await (await fetch(`http://${broker.http}/metrics`)).text()
    for (const name of ['polylog_event_loop_delay_seconds', 'polylog_journal_sync_duration_seconds']) {
      match(metrics, new RegExp(`^# TYPE ${name} `, 'm'))
    }
    const count = Number(/^polylog_journal_sync_duration_seconds_count (\d+)$/m.exec(metrics)?.[1])
    ok(count > 0, 'syncs were counted')
    await writer.stop()
  })
})
