// `polylog dev-cluster` as people and scripts use it: with the etcd of this machine, and with everything that may end.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Kafka, logLevel } from 'kafkajs'
import { describeWithEtcd } from '../world/etcd.ts'
import { DevClusterProcess } from './dev-cluster-process.ts'
import { temporaryDirectory } from '../system/broker-process.ts'
import { polylog } from '../system/command.ts'
import type { CommandOutcome } from '../system/command.ts'
import { until } from '../system/wait.ts'

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

async function states(http: string): Promise<string[]> {
  const { code, stdout, stderr } = await polylog(['cluster', 'status', '--json', '--http', http])
  equal(code, 0, stderr)
  return (JSON.parse(stdout) as { brokers: { state: string }[] }).brokers.map(({ state }) => state)
}

/** What docs/cluster.md promises for the loss of etcd. */
async function goesOnWithoutEtcd(cluster: DevClusterProcess, kafka: string): Promise<void> {
  const producer = new Kafka({ brokers: kafka.split(','), logLevel: logLevel.NOTHING }).producer()
  await producer.connect()
  const send = (): Promise<unknown> => producer.send({ topic: 'more', acks: -1, messages: [{ value: 'x' }] })
  const make = (): Promise<CommandOutcome> => polylog(['topic', 'create', 'more', '--broker', kafka, '--if-not-exists'])
  equal((await make()).code, 0)
  await send()
  cluster.type('kill etcd')
  await until('the death is told', () => cluster.log.includes('etcd has ended'))
  await send()
  const refused = await polylog(['topic', 'create', 'another', '--broker', kafka])
  equal(refused.code, 1)
  match(refused.stderr, /etcd did not serve \/v3\/kv\/txn: .*nothing was done/)
  await send()
  cluster.type('start etcd')
  await until('it is back', () => cluster.log.includes('etcd is up'))
  await until('it can be written to', async () => (await make()).code === 0)
  await send()
  await producer.disconnect()
}

let isTested = false

describeWithEtcd('polylog dev-cluster', ({ path }) => {
  // What differs from etcd to etcd is tested in test/etcd.
  if (isTested) return
  isTested = true
  let directory: string
  before(() => {
    directory = temporaryDirectory()
  })
  after(() => rmSync(directory, { recursive: true, force: true }))

  const flags = (): string[] => ['--data', join(directory, 'cluster'), '--etcd', path]

  it('loses a broker and etcd, gets them back, and stops in good order', async () => {
    await using cluster = new DevClusterProcess(flags())
    const { event, kafka, http, pids } = await cluster.ready
    equal(event, 'ready')
    deepEqual([kafka.split(',').length, http.length, pids.length], [3, 3, 3])
    const made = await polylog(['topic', 'create', 'orders', '--partitions', '6', '--broker', kafka])
    equal(made.code, 0, made.stderr)
    equal((await polylog(['produce', 'orders', '--broker', kafka], 'one\ntwo\n')).code, 0)

    cluster.type('kill 2')
    await until('the death is told', () => cluster.log.includes('broker 2 has ended (SIGKILL)'))
    await until('others see it', async () => (await states(http[0]!))[1] === 'down')
    cluster.type('start 2')
    await until('it is back', () => cluster.log.includes('broker 2 is up'))
    deepEqual(await states(http[1]!), ['serving', 'serving', 'serving'])
    cluster.type('start 2')
    cluster.type('kill 7')
    const mistakes = /broker 2 runs already\n.*name a broker by its number, 1 to 3/
    await until('mistakes are told', () => mistakes.test(cluster.log))

    await goesOnWithoutEtcd(cluster, kafka)

    equal(await cluster.end('SIGTERM'), 0)
    ok(![pids[0]!, pids[2]!].some(lives))
    for (const id of [1, 2, 3]) {
      match(readFileSync(join(directory, 'cluster', 'logs', `broker-${id}.log`), 'utf8'), / stopped\n$/)
    }
  })

  it('begins again with all it had, and leaves nothing behind when it is killed', async () => {
    await using cluster = new DevClusterProcess(flags())
    const { kafka, pids, etcdPid } = await cluster.ready
    const read = await polylog(['consume', 'orders', '--from', 'beginning', '--max', '2', '--broker', kafka])
    deepEqual(read.stdout.trim().split('\n').toSorted(), ['one', 'two'], read.stderr)

    const second = await polylog(['dev-cluster', ...flags()])
    deepEqual([second.code, second.stderr.includes('held by the running process')], [1, true], second.stderr)

    const all = [...pids, etcdPid]
    ok(all.every(lives))
    await cluster.end('SIGKILL')
    await until('nothing is left behind', () => !all.some(lives))
  })
})

describe('polylog dev-cluster', () => {
  let directory: string
  before(() => {
    directory = temporaryDirectory()
  })
  after(() => rmSync(directory, { recursive: true, force: true }))

  it('says how to get an etcd', async () => {
    const { code, stderr } = await polylog(['dev-cluster', '--data', join(directory, 'a'), '--etcd', '/none/etcd'])
    equal(code, 1)
    match(stderr, /there is no \/none\/etcd; install it \(Debian, Ubuntu: .*Fedora: .*macOS: .*\), or name one/)
  })

  it('leaves folders of others alone', async () => {
    const other = join(directory, 'other')
    mkdirSync(other)
    writeFileSync(join(other, 'precious'), '')
    for (const flags of [[], ['--fresh']]) {
      const { code, stderr } = await polylog(['dev-cluster', '--data', other, ...flags])
      equal(code, 1)
      match(stderr, /holds something that no dev cluster has put there/)
    }
    equal(readFileSync(join(other, 'precious'), 'utf8'), '')
  })

  it('refuses lines that make no sense', async () => {
    for (const flags of [
      ['--brokers', '10'],
      ['--metadata', 'embedded'],
      ['--metadata', 'etcd://h', '--etcd', 'x'],
    ]) {
      equal((await polylog(['dev-cluster', '--data', join(directory, 'b'), ...flags])).code, 2, flags.join(' '))
    }
  })
})
