import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { apis } from '@polylog/wire'
import { Cluster, GroupReader, RecordProducer } from '@polylog/client/admin'
import { formatAddress } from '../config/address.ts'
import { createNodeHost } from '../host/node/node-host.ts'
import { TestClient } from '../kafka/testing/test-client.ts'
import { startBroker } from '../mod.ts'
import type { Broker } from '../mod.ts'
import { FakeTerminal, runLine } from './testing/fake-terminal.ts'
import type { Outcome, RunOptions } from './testing/fake-terminal.ts'

let broker: Broker

describe('client commands', () => {
  before(async () => {
    broker = await startBroker({ offsetsPartitionCount: 1 })
  })

  after(() => broker.stop())

  function polylog(line: string, options: RunOptions = {}): Promise<Outcome> {
    const environment = { POLYLOG_BROKER: formatAddress(broker.kafka), ...options.environment }
    return runLine(line, { ...options, environment })
  }

  async function output(line: string, options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await polylog(line, options)
    assert.equal(code, 0, stderr)
    return stdout
  }

  const numbers = (count: number): string => Array.from({ length: count }, (_, i) => `${i}\n`).join('')

  describe('topic commands', () => {
    it('create, list, describe, alter, extend and delete', async () => {
      const created = await polylog('topic create shop.orders -p 2 -c retention.ms=60000')
      assert.deepEqual(created, { code: 0, stdout: '', stderr: 'created topic shop.orders\n' })
      assert.equal((await polylog('topic create shop.orders')).code, 1)
      assert.equal(
        await output('topic create shop.orders --if-not-exists --json'),
        '{"topic":"shop.orders","created":false}\n',
      )
      assert.match(await output('topic list'), /^TOPIC +PARTITIONS {2}REPLICAS\n[^]*^shop\.orders +2 +1$/m)
      await output('topic alter shop.orders -c cleanup.policy=compact --unset retention.ms')
      await output('topic add-partitions shop.orders --to 3')
      const described = await output('topic describe shop.orders')
      assert.equal(
        described.replace(/id \S+/, 'id ID'),
        `Topic shop.orders, id ID

PARTITION  LEADER  FIRST OFFSET  NEXT OFFSET  RECORDS  REPLICAS  IN SYNC
        0       1             0            0        0  1         1
        1       1             0            0        0  1         1
        2       1             0            0        0  1         1

SETTING             VALUE    FROM
cleanup.policy      compact  topic
polylog.durability  memory   broker
`,
      )
      const refused = await polylog('topic delete shop.orders')
      assert.match(refused.stderr, /add --yes/)
      await output('topic delete shop.orders --yes')
      assert.match((await polylog('topic describe shop.orders')).stderr, /^polylog: there is no topic "shop.orders"/)
      assert.equal((await polylog('topic delete shop.orders -y --if-exists')).code, 0)
    })

    it('refuse settings that nobody honours', async () => {
      const { code, stderr } = await polylog('topic create x -c retention.mss=1')
      assert.deepEqual(
        [code, stderr],
        [2, 'polylog: Unknown topic setting "retention.mss"; did you mean "retention.ms"?\n'],
      )
    })
  })

  describe('produce and consume', () => {
    it('carry lines through a topic', async () => {
      await output('topic create lines')
      const sent = await polylog('produce lines', { stdin: numbers(2000) })
      assert.equal(sent.stderr, 'sent 2,000 records to lines (partition 0)\n')
      assert.equal(await output('consume lines'), numbers(2000))
      assert.equal(await output('consume lines --from 1998'), '1998\n1999\n')
      assert.equal(await output('consume lines --from end'), '')
      assert.equal(await output('consume lines --max 2'), '0\n1\n')
      assert.equal(await output('consume lines --from 2000-01-01 --max 1'), '0\n')
      assert.equal(await output('consume lines --from 2100-01-01'), '')
    })

    it('keep keys, headers, partitions and times', async () => {
      await output('topic create full -p 2')
      const record = '{"key":"k","value":"v","headers":{"a":"b"},"partition":1,"timestamp":1700000000000}'
      for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
        await output(`produce full --format jsonl -z ${codec}`, { stdin: `${record}\n\n` })
      }
      const lines = (await output('consume full --json')).trim().split('\n')
      assert.equal(lines.length, 5)
      const expected = {
        topic: 'full',
        partition: 1,
        timestamp: 1700000000000,
        key: 'k',
        value: 'v',
        headers: [{ key: 'a', value: 'b' }],
      }
      for (const [offset, line] of lines.entries()) assert.deepEqual(JSON.parse(line), { ...expected, offset })
      assert.equal(await output('consume full --partition 0'), '')
      await output('produce full --format kv --separator = --partition 0', { stdin: 'x=y' })
      assert.equal(await output('consume full -p 0 --format kv --separator ->'), 'x->y\n')
    })

    it('follow until they are interrupted', async () => {
      await output('topic create tail')
      const interruption = new AbortController()
      const terminal = new FakeTerminal()
      const print = terminal.print.bind(terminal)
      terminal.print = async (text) => {
        await print(text)
        if (terminal.stdout.endsWith('late\n')) interruption.abort()
      }
      const following = polylog('consume tail --follow', { terminal, interrupted: interruption.signal })
      await output('produce tail', { stdin: 'early\n' })
      await output('produce tail', { stdin: 'late\n' })
      assert.deepEqual(await following, { code: 0, stdout: 'early\nlate\n', stderr: '' })
    })

    it('end quietly when nobody reads any more', async () => {
      const terminal = new FakeTerminal()
      terminal.closesAfter = 10
      await output('produce lines', { stdin: numbers(100) })
      assert.equal((await polylog('consume lines', { terminal })).code, 0)
      assert.equal(terminal.stderr, '')
    })

    it('say which line is wrong, and which topic is missing', async () => {
      const { code, stderr } = await polylog('produce lines -f jsonl', { stdin: '{"value":1}\nnonsense\n' })
      assert.equal(code, 1)
      assert.match(stderr, /^polylog: line 2 is not JSON/)
      assert.match((await polylog('consume nothing')).stderr, /^polylog: there is no topic "nothing"/)
      assert.match(
        (await polylog('produce lines --partition 5', { stdin: 'x' })).stderr,
        /has partitions 0 to 0, not 5/,
      )
    })
  })

  describe('group commands', () => {
    it('show, move and delete what a group remembers', async () => {
      await output('topic create work')
      await output('produce work', { stdin: numbers(10) })
      assert.equal(await output('consume work --group g --max 4'), numbers(4))
      assert.match(await output('group list'), /^g +Empty +consumer$/m)
      assert.equal(
        await output('group describe g'),
        `Group g: Empty, 0 members, lag 6

TOPIC  PARTITION  OFFSET  END  LAG  MEMBER
work           0       4   10    6
`,
      )
      assert.equal(await output('consume work --group g'), '4\n5\n6\n7\n8\n9\n')
      const move = 'group reset-offsets g --topic work --to 8'
      assert.equal(
        await output(`${move} --dry-run --json`),
        '{"group":"g","dryRun":true,"offsets":[{"topic":"work","partition":0,"offset":8,"from":10}]}\n',
      )
      assert.match((await polylog(move)).stderr, /add --yes/)
      assert.equal(await output(`${move} --yes`), 'TOPIC  PARTITION  FROM  TO\nwork           0    10   8\n')
      assert.equal(await output('consume work --group g'), '8\n9\n')
      await output('group delete g --yes')
      assert.match((await polylog('group describe g')).stderr, /^polylog: there is no group "g"/)
      assert.equal((await polylog('group reset-offsets g --topic work')).code, 2)
    })
  })

  describe('group commands on share groups', () => {
    it('show how far the group is, and delete it', async () => {
      await output('topic create jobs')
      await output('produce jobs', { stdin: numbers(3) })
      const client = await TestClient.connect(createNodeHost(), broker.kafka)
      const beat = { groupId: 'workers', memberId: 'ann', subscribedTopicNames: ['jobs'] }
      await client.call(apis[76], 1, { ...beat, memberEpoch: 0 })
      assert.match(await output('group list'), /^workers +Stable +share$/m)
      assert.equal(
        await output('group describe workers'),
        `Share group workers: Stable, 1 member, lag 0

TOPIC  PARTITION  START  LAG  MEMBERS
jobs           0      -    -        1
`,
      )
      const early = await polylog('group reset-offsets workers --topic jobs --to end --yes')
      assert.match(early.stderr, /^polylog: cannot set the offsets of share group "workers": .*NON_EMPTY_GROUP/)
      await client.call(apis[76], 1, { ...beat, memberEpoch: -1 })
      const partitions = [{ partitionIndex: 0, startOffset: 1 }]
      await client.call(apis[91], 0, { groupId: 'workers', topics: [{ topicName: 'jobs', partitions }] })
      client.close()
      assert.match(await output('group describe workers'), /^jobs +0 +1 +2 +0$/m)
      await output('group reset-offsets workers --topic jobs --to end --yes')
      assert.match(await output('group describe workers'), /^jobs +0 +3 +0 +0$/m)
      await output('group delete workers --yes')
      assert.doesNotMatch(await output('group list'), /workers/)
    })
  })

  describe('a group of two', () => {
    it('shares partitions out, rebalances, and neither loses nor repeats', async () => {
      await output('topic create shared -p 4')
      await using cluster = new Cluster({ brokers: formatAddress(broker.kafka) })
      await using other = new Cluster({ brokers: formatAddress(broker.kafka) })
      const options = {
        group: 'pair',
        topics: ['shared'],
        from: 'beginning',
        heartbeatIntervalMs: 20,
        waitMs: 10,
      } as const
      const first = new GroupReader(cluster, options)
      const second = new GroupReader(other, options)
      const producer = new RecordProducer(cluster)
      const seen: string[] = []
      const take = async (consumer: GroupReader): Promise<void> => {
        for (const { value } of await consumer.poll()) seen.push(String(value))
      }
      let sent = 0
      const send = async (): Promise<void> => {
        const records = Array.from({ length: 40 }, (_, i) => ({ value: String(sent + i), partition: i % 4 }))
        await producer.send('shared', records)
        sent += records.length
      }
      await send()
      while (seen.length < sent) await take(first)
      const owned = (consumer: GroupReader): number => consumer.assigned.length
      assert.equal(owned(first), 4)
      // Each polls on its own, as two processes would: a join waits for the other member to come as well.
      const takeUntilShared = async (consumer: GroupReader): Promise<void> => {
        while (owned(first) !== 2 || owned(second) !== 2) await take(consumer)
      }
      await Promise.all([takeUntilShared(first), takeUntilShared(second)])
      await send()
      await first.close()
      while (owned(second) !== 4 || seen.length < sent) await take(second)
      await second.close()
      assert.deepEqual(
        seen.map(Number).toSorted((a, b) => a - b),
        Array.from({ length: sent }, (_, i) => i),
      )
    })
  })

  describe('bench and doctor', () => {
    it('measure and clean up', async () => {
      const table = await output('bench --records 500 --size 100 --producers 2')
      assert.match(table, /^PHASE +RECORDS .*\nproduce +500 .*\nconsume +500 .*\n$/)
      assert.doesNotMatch(await output('topic list'), /polylog-bench/)
    })

    it('find a healthy broker healthy and a missing one missing', async () => {
      const findings = JSON.parse(await output('doctor --json --data /tmp')) as { check: string; state: string }[]
      assert.deepEqual([...new Set(findings.map(({ state }) => state))], ['ok'])
      const { code, stdout } = await polylog('doctor -b 127.0.0.1:1 --data /tmp')
      assert.equal(code, 1)
      assert.match(stdout, /^FAIL {2}connection: cannot reach .*\n {6}-> start a broker with "polylog start"/m)
    })
  })
})
