import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { formatAddress } from '../config/address.ts'
import { startBroker } from '../mod.ts'
import type { Broker } from '../mod.ts'
import { runLine } from './testing/fake-terminal.ts'
import type { Outcome } from './testing/fake-terminal.ts'

describe('acl commands', () => {
  let broker: Broker
  before(async () => {
    broker = await startBroker({
      offsetsPartitionCount: 1,
      authorizerKind: 'acl',
      superUsers: 'User:nobody;User:ANONYMOUS',
    })
  })
  after(() => broker.stop())

  function polylog(line: string): Promise<Outcome> {
    return runLine(line, { environment: { POLYLOG_BROKER: formatAddress(broker.kafka) } })
  }

  it('show a rule that cannot be read as a denial, which doctor explains and which can be removed', async () => {
    const rules = async () => {
      const { stdout } = await polylog('doctor --json --data /tmp')
      const findings = JSON.parse(stdout) as { check: string; state: string; detail: string }[]
      return findings.find(({ check }) => check === 'access rules')
    }
    assert.equal((await rules())?.state, 'ok')
    const key = '/acls/topic/literal/orders/of-tomorrow'
    const put = await broker.metadata.transaction({ then: [{ kind: 'put', key, value: '{"permission":"maybe"}' }] })
    const isThere = (): boolean => broker.image.revision >= put.revision
    while (!isThere()) await setImmediate()
    assert.match((await polylog('acl list')).stdout, /^topic orders +User:\* +deny +all +\*$/m)
    const found = await rules()
    assert.equal(found?.state, 'warning')
    assert.match(found.detail, /^1 deny everything .*: topic orders$/)
    assert.equal(
      (await polylog('acl remove --topic orders --principal User:* --yes')).stderr,
      'removed 1 access rule\n',
    )
    assert.equal((await rules())?.state, 'ok')
  })

  it('make, list and remove rules', async () => {
    const added = await polylog(
      'acl add --allow User:alice --operation read,DESCRIBE_CONFIGS --topic orders --group bill',
    )
    assert.equal(added.code, 0, added.stderr)
    assert.equal(
      added.stderr,
      `User:alice may read topic orders
User:alice may describe-configs topic orders
User:alice may read group bill
User:alice may describe-configs group bill
`,
    )
    await polylog('acl add --deny User:* --operation all --topic ord --prefixed --host 192.0.2.7')
    const made = await polylog('acl add --allow User:ops --operation alter --cluster --json')
    assert.deepEqual(JSON.parse(made.stdout), [
      {
        permission: 'allow',
        principal: 'User:ops',
        resourceType: 'cluster',
        resourceName: 'kafka-cluster',
        patternType: 'literal',
        operation: 'alter',
        host: '*',
      },
    ])
    const listed = await polylog('acl list --topic orders')
    assert.equal(
      listed.stdout,
      `RESOURCE      PRINCIPAL   PERMISSION  OPERATION         HOST
topic orders  User:alice  allow       describe-configs  *
topic orders  User:alice  allow       read              *
topic ord…    User:*      deny        all               192.0.2.7
`,
    )
    const asked = await polylog('acl remove --topic orders --operation read')
    assert.match(asked.stderr, /Remove 1 access rule\? .* add --yes/)
    const removed = await polylog('acl remove --topic orders --group bill --yes')
    assert.deepEqual([removed.code, removed.stderr], [0, 'removed 4 access rules\n'])
    const rest = JSON.parse((await polylog('acl list --json')).stdout) as { resourceName: string }[]
    assert.deepEqual(
      rest.map(({ resourceName }) => resourceName),
      ['kafka-cluster', 'ord'],
    )
    const all = await polylog('acl remove --all --yes --json')
    assert.equal((JSON.parse(all.stdout) as unknown[]).length, 2)
    assert.match((await polylog('acl list')).stderr, /^There are no such access rules/)
    assert.equal((await polylog('acl remove --topic orders')).stderr, 'removed 0 access rules\n')
  })

  it('say what is missing or wrong', async () => {
    const wrong: readonly [line: string, pattern: RegExp][] = [
      ['acl add --operation read --topic x', /say who: --allow User:NAME/],
      ['acl add --allow User:alice --operation read', /say what about: --topic NAME/],
      ['acl add --allow User:alice --topic x', /say what for: --operation read/],
      [
        'acl add --allow alice --topic x --operation read',
        /--allow must be TYPE:NAME, such as User:alice, not "alice"/,
      ],
      ['acl add --allow User:alice --topic x --operation reed', /no operation "reed"; did you mean "read"/],
      ['acl remove --yes', /say which rules/],
    ]
    for (const [line, pattern] of wrong) {
      const { code, stderr } = await polylog(line)
      assert.equal(code, 2, stderr)
      assert.match(stderr, pattern)
    }
  })

  it('tell that a broker has no rules in force', async () => {
    await using open = await startBroker({ offsetsPartitionCount: 1 })
    const environment = { POLYLOG_BROKER: formatAddress(open.kafka) }
    const { code, stderr } = await runLine('acl list', { environment })
    assert.equal(code, 1)
    assert.match(stderr, /cannot list access rules: .*no authorizer.* without authorizer=acl.*SECURITY_DISABLED/)
  })
})
