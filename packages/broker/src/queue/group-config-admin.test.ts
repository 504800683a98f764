import { deepEqual, equal, rejects } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { memoryCommits } from '../auth/testing/memory-user-admin.ts'
import { ClusterImage } from '../image/cluster-image.ts'
import type { ConfigChange } from '../topic/topics.ts'
import { GroupConfigAdmin } from './group-config-admin.ts'
import { ImageGroupConfigs } from './group-configs.ts'

function world() {
  const image = new ClusterImage(({ key, reason }) => {
    throw new Error(`${key}: ${reason}`)
  })
  return { image, admin: new GroupConfigAdmin(image, memoryCommits(image)), configs: new ImageGroupConfigs(image) }
}

function set(name: string, value: string): ConfigChange {
  return { name, operation: 'set', value }
}

describe('settings of groups', () => {
  it('are the defaults of Kafka until something is set', () => {
    const { configs } = world()
    deepEqual(configs.of('g'), {
      offsetReset: { kind: 'latest' },
      lockDurationMs: 30_000,
      heartbeatIntervalMs: 5000,
      sessionTimeoutMs: 45_000,
      isolation: 'read-uncommitted',
      deliveryCountMax: 5,
      lockCountMax: 2000,
      retryBackoffMs: 0,
      retryBackoffMsMax: 600_000,
      deadLetterTopic: undefined,
      messageTtlMs: undefined,
      tagFilter: '',
      headerFilter: '',
    })
    equal(configs.of('g'), configs.of('h'), 'one object')
  })

  it('are those of one group alone, and shown as its own', async () => {
    const { admin, configs } = world()
    await admin.change('g', [set('share.record.lock.duration.ms', '60000'), set('polylog.dead.letter.topic', 'dead')])
    equal(configs.of('g').lockDurationMs, 60_000)
    equal(configs.of('g').deadLetterTopic, 'dead')
    equal(configs.of('h').lockDurationMs, 30_000)
    equal(configs.of('g'), configs.of('g'), 'the same object while nothing changes')
    const shown = admin.describe('g').filter(({ source }) => source === 'group')
    deepEqual(
      shown.map(({ name, value, defaultValue }) => [name, value, defaultValue]),
      [
        ['polylog.dead.letter.topic', 'dead', ''],
        ['share.record.lock.duration.ms', '60000', '30000'],
      ],
    )
    await admin.change('g', [{ name: 'share.record.lock.duration.ms', operation: 'delete', value: null }])
    equal(configs.of('g').lockDurationMs, 30_000)
    await admin.replace('g', new Map([['share.isolation.level', 'read_committed']]))
    equal(configs.of('g').isolation, 'read-committed')
    equal(configs.of('g').deadLetterTopic, undefined)
  })

  it('leave nothing behind once the last is unset', async () => {
    const { admin, image } = world()
    await admin.change('g', [set('polylog.message.ttl.ms', '1000')])
    equal(image.groups.size, 1)
    await admin.replace('g', new Map())
    await admin.replace('g', new Map())
    equal(image.groups.size, 0)
  })

  it('are not written again where they are so already', async () => {
    const { admin, image } = world()
    const changes = [set('polylog.message.ttl.ms', '1000'), set('share.delivery.count.limit', '7')]
    await admin.change('g', changes)
    const { modRevision } = image.groups.get('g')!
    await Promise.all(Array.from({ length: 64 }, () => admin.change('g', changes)))
    await admin.replace('g', new Map(changes.toReversed().map(({ name, value }) => [name, value])))
    equal(image.groups.get('g')?.modRevision, modRevision)
    await admin.change('g', [set('polylog.message.ttl.ms', '1001')])
    equal(image.groups.get('g')!.modRevision > modRevision, true)
  })

  it('begin where Kafka says', async () => {
    const { admin, configs } = world()
    const reset = async (value: string) => {
      await admin.change('g', [set('share.auto.offset.reset', value)])
      return configs.of('g').offsetReset
    }
    deepEqual(await reset('earliest'), { kind: 'earliest' })
    deepEqual(await reset('by_duration:P1DT2H3M4.5S'), { kind: 'duration', durationMs: 93_784_500 })
    for (const wrong of ['none', 'by_duration:P', 'by_duration:PT', 'by_duration:-PT1S', 'by_duration:1h']) {
      await rejects(reset(wrong), { code: 'invalid-config' }, wrong)
    }
  })

  it('are refused whole where one of them is wrong, and nothing is changed by a rehearsal', async () => {
    const { admin, image } = world()
    const wrong: ConfigChange[][] = [
      [set('share.record.lock.duration.mss', '1')],
      [set('share.delivery.count.limit', '0')],
      [set('share.delivery.count.limit', 'many')],
      [set('share.session.timeout.ms', '4000')],
      [set('polylog.dead.letter.topic', 'no topic')],
      [set('polylog.filter.tags', '/(/')],
      [{ name: 'polylog.filter.tags', operation: 'append', value: 'a' }],
    ]
    for (const changes of wrong) {
      await rejects(admin.change('g', [set('polylog.retry.backoff.ms', '5'), ...changes]), { code: 'invalid-config' })
    }
    await rejects(admin.change('g', wrong[0]!), /did you mean/i)
    await rejects(admin.change('', [set('polylog.retry.backoff.ms', '5')]), { code: 'invalid-group-id' })
    await admin.change('g', [set('polylog.retry.backoff.ms', '5')], true)
    equal(image.groups.size, 0)
  })
})
