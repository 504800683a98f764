import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { startBroker } from '../mod.ts'
import type { Broker } from '../mod.ts'
import type { ClusterAnswer } from './admin-answers.ts'
import { clusterStatusText } from './cluster-status.ts'
import { Screen } from './screen.ts'
import { FakeTerminal, runLine } from './testing/fake-terminal.ts'
import type { Outcome, RunOptions } from './testing/fake-terminal.ts'

describe('cluster and policy commands', () => {
  let broker: Broker
  before(async () => {
    broker = await startBroker({ httpAddress: { host: '127.0.0.1', port: 0 } })
    await broker.topics.create({ name: 'orders', partitionCount: 2, replicationFactor: 1, configs: new Map() })
  })
  after(() => broker.stop())

  function polylog(line: string, options: RunOptions = {}): Promise<Outcome> {
    return runLine(line, { environment: { POLYLOG_HTTP: `127.0.0.1:${broker.http!.port}` }, ...options })
  }

  it('show the cluster', async () => {
    const { code, stdout } = await polylog('cluster status')
    assert.equal(code, 0)
    assert.match(stdout, /^Cluster \S{22}, 1 of 1 broker up, controller: broker 1$/m)
    assert.match(stdout, /^BROKER  STATE    ADDRESS +RACK  LEADERS  REPLICAS  IN SYNC  VERSION$/m)
    assert.match(stdout, / {5}1  serving  127\.0\.0\.1:\d+ +\d+ +\d+ +\d+  \d/)
    assert.match(stdout, /^52 partitions of 2 topics: all have a leader and all their replicas$/m)
    const json = JSON.parse((await polylog('cluster status --json')).stdout) as ClusterAnswer
    assert.deepEqual(json.partitions, { total: 52, offline: 0, underReplicated: 0, moving: 0 })
  })

  it('watch the cluster until interrupted', async () => {
    const interruption = new AbortController()
    const terminal = new FakeTerminal()
    const print = terminal.print.bind(terminal)
    terminal.print = async (text) => {
      await print(text)
      interruption.abort()
    }
    const { code, stdout } = await polylog('cluster status --watch --json', {
      terminal,
      interrupted: interruption.signal,
    })
    assert.deepEqual([code, stdout.split('\n').length], [0, 2])
  })

  it('set, list, show and delete policies', async () => {
    const set = await polylog(
      'policy set mirror ^ord --ha-mode nodes --ha-params 1,2 --priority -3 -c retention.ms=5000',
    )
    assert.deepEqual([set.code, set.stderr], [0, 'policy mirror is in force for names that match ^ord\n'])
    assert.equal(
      (await polylog('policy list')).stdout,
      `POLICY  PATTERN  PRIORITY  APPLIES TO  DEFINITION
mirror  ^ord           -3  all         ha-mode=nodes ha-params=1,2 retention.ms=5000
`,
    )
    const shown = JSON.parse((await polylog('policy show mirror --json')).stdout) as Record<string, unknown>
    assert.deepEqual(shown['definition'], { 'ha-mode': 'nodes', 'ha-params': [1, 2], 'retention.ms': '5000' })
    assert.match((await polylog('topic describe orders', at(broker))).stdout, /retention\.ms/)
    assert.equal((await polylog('policy sync orders')).code, 0)
    assert.deepEqual(await polylog('policy delete mirror'), { code: 0, stdout: '', stderr: 'deleted policy mirror\n' })
    assert.match((await polylog('policy list')).stderr, /no policies/)
    assert.deepEqual(await polylog('policy show mirror'), {
      code: 1,
      stdout: '',
      stderr: 'polylog: There is no policy "mirror".\n',
    })
  })

  it('say what is wrong with a policy', async () => {
    const wrong: [string, number, RegExp][] = [
      ['policy set p ^a', 2, /say what the policy asks for/],
      ['policy set p ^a --ha-mode most', 2, /must be one of all, exactly, nodes/],
      ['policy set p ^a --ha-mode exactly --ha-params x', 2, /whole number/],
      ['policy set p ^a --ha-mode exactly', 1, /needs ha-params/],
      ['policy set p ^a --ha-mode all --ha-params 2', 1, /takes no ha-params/],
      ['policy set p ^a --config retention.m=5', 1, /Unknown key "retention\.m"/],
      ['policy set p ( --ha-mode all', 1, /The pattern/],
      ['policy set p ^a --ha-mode all --priority 1.5', 2, /whole number/],
    ]
    for (const [line, code, pattern] of wrong) {
      const outcome = await polylog(line)
      assert.deepEqual([outcome.code, pattern.test(outcome.stderr)], [code, true], `${line}: ${outcome.stderr}`)
    }
  })

  it('move partitions, elect and drain as far as one broker can', async () => {
    assert.match((await polylog('cluster reassign')).stderr, /nothing is moving/)
    const moved = await polylog('cluster reassign orders 0 --to 7')
    assert.deepEqual([moved.code, moved.stderr], [1, 'orders 0: broker 7 is not up\nmoving 0 partitions, 1 failed\n'])
    assert.deepEqual((await polylog('cluster reassign orders --to 1')).stderr, 'moving 2 partitions\n')
    assert.deepEqual((await polylog('cluster reassign orders --cancel')).stderr, 'took back 0 partitions\n')
    assert.deepEqual((await polylog('cluster elect preferred')).stderr, 'elected leaders of 0 partitions\n')
    assert.equal((await polylog('cluster elect unclean orders 0 --yes')).code, 1)
    assert.match((await polylog('cluster elect unclean orders 0')).stderr, /add --yes/)
    assert.match((await polylog('cluster drain 1 --wait')).stderr, /no other broker is up/)
    assert.match((await polylog('cluster drain 1 --cancel')).stderr, /may have replicas again/)
    assert.match((await polylog('cluster remove 1 --yes')).stderr, /Broker 1 is up: stop it first/)
    assert.match((await polylog('cluster remove 5 --yes')).stderr, /There is no broker 5/)
  })

  it('refuse lines that make no sense', async () => {
    const wrong: [string, RegExp][] = [
      ['cluster drain three', /named by its number/],
      ['cluster drain 3 --wait --cancel', /exclude each other/],
      ['cluster reassign orders', /say what to do/],
      ['cluster reassign --to 1', /say what to do/],
      ['cluster reassign --cancel', /name the topic/],
      ['cluster reassign orders x --to 1', /a partition is named by its number/],
      ['cluster reassign orders --to a', /numbers of brokers/],
      ['cluster elect best', /"preferred" or "unclean"/],
      ['cluster elect unclean', /name the topic/],
      ['cluster status --http x', /--http must be HOST:PORT/],
    ]
    for (const [line, pattern] of wrong) {
      const outcome = await polylog(line)
      assert.deepEqual([outcome.code, pattern.test(outcome.stderr)], [2, true], `${line}: ${outcome.stderr}`)
    }
    assert.match((await polylog('cluster reassign orders 9 --to 1')).stderr, /partitions 0 to 1/)
    assert.match((await polylog('cluster reassign none --to 1')).stderr, /no topic "none"/)
  })

  it('tell a port where nobody, or somebody else, listens', async () => {
    const server = createServer((_, response) => response.end('<html>'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    assert.match((await polylog(`cluster status --http 127.0.0.1:${port}`)).stderr, /is no Polylog broker/)
    await new Promise((resolve) => {
      server.close(resolve)
      server.closeAllConnections()
    })
    assert.match((await polylog(`cluster status --http 127.0.0.1:${port}`)).stderr, /nobody listens there; name/)
  })
})

describe('the status of a cluster', () => {
  it('names what is missing', () => {
    const broker = {
      state: 'serving',
      draining: false,
      rack: null,
      version: '1',
      leaders: 1,
      replicas: 2,
      inSync: 2,
    } as const
    const address = { host: '::1', port: 9092 }
    const text = clusterStatusText({
      clusterId: 'c',
      answeredBy: { brokerId: 1, version: '1' },
      controller: null,
      brokers: [
        { id: 1, ...broker, address, draining: true },
        { id: 2, ...broker, address: null, state: 'down' },
      ],
      topics: 1,
      partitions: { total: 2000, offline: 1, underReplicated: 1500, moving: 3 },
    })
    assert.match(text, /^Cluster c, 1 of 2 brokers up, no controller at present\n/)
    assert.match(text, /1 {2}serving, draining {2}\[::1\]:9092/)
    assert.match(text, /\n2,000 partitions of 1 topic: 1 OFFLINE, 1,500 under-replicated, 3 moving\n$/)
  })

  it('is drawn in its place', () => {
    const terminal = new FakeTerminal()
    const screen = new Screen(terminal)
    screen.draw('a\nb\n')
    screen.draw(`${'c'.repeat(100)}\n`, 1)
    assert.equal(terminal.stderr, `\r\x1b[Ja\nb\n\r\x1b[3A\x1b[J${'c'.repeat(79)}\n`)
    terminal.stderr = ''
    screen.refresh('d\n')
    assert.equal(terminal.stderr, '\x1b7\r\x1b[1Ad\x1b[K\n\x1b8')
  })
})

function at(broker: Broker): RunOptions {
  return { environment: { POLYLOG_BROKER: `127.0.0.1:${broker.kafka.port}` } }
}
