/** Each real client logs in with each mechanism, does its work, and is told when the password is wrong. */
import { equal, match, ok, rejects } from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { Admin, Producer } from '@platformatic/kafka'
import { Cluster, createTopic, listOffsets, setPassword } from '@polylog/client/admin'
import kafkajs from 'kafkajs'
import { startBroker } from 'polylog'
import type { Broker } from 'polylog'
import type { Binding } from './librdkafka/binding.ts'
import { collectGarbage } from './librdkafka/collect-garbage.ts'
import { installLibrdkafka } from './librdkafka/install.ts'
import { skipClient } from './suite.ts'

const mechanisms = ['SCRAM-SHA-256', 'SCRAM-SHA-512', 'PLAIN'] as const
type Mechanism = (typeof mechanisms)[number]

/** With the characters that SCRAM and the configuration of librdkafka escape. */
const user = 'al=ice,1'
const password = 'won,der=land %"'
const topic = 'orders'
const run = promisify(execFile)

interface Visit {
  readonly address: string
  readonly mechanism: Mechanism
  readonly password: string
}

/** Logs in and stores one record. Rejects if it may not. */
type SendOne = (visit: Visit) => Promise<void>

describe('logins of real clients', () => {
  const directory = mkdtempSync(join(tmpdir(), 'polylog-login-'))
  const lines: string[] = []
  let broker: Broker
  let admin: Cluster

  before(async () => {
    const bootstrapPasswordFile = join(directory, 'password')
    writeFileSync(bootstrapPasswordFile, 'root')
    const record = (event: string, fields?: object) => void lines.push(`${event} ${JSON.stringify(fields)}`)
    broker = await startBroker({
      saslMechanisms: mechanisms,
      bootstrapUser: 'root',
      bootstrapPasswordFile,
      offsetsPartitionCount: 1,
      authenticationFailureDelayMs: 10,
      logger: { debug: record, info: record, warn: record, error: record },
    })
    admin = new Cluster({ brokers: addressOf(broker), credentials: { user: 'root', password: 'root' } })
    await setPassword(admin, { user, password })
    await createTopic(admin, { name: topic })
  })

  after(async () => {
    await admin.close()
    await broker.stop()
    rmSync(directory, { recursive: true })
  })

  async function endOfLog(): Promise<number> {
    return (await listOffsets(admin, topic, [0], 'end')).get(0)!
  }

  function describeLogins(name: string, sendOne: SendOne, tellsFailure = true): void {
    for (const mechanism of mechanisms) {
      it(`${name}, ${mechanism}`, { timeout: 120_000 }, async () => {
        const before = await endOfLog()
        const visit = { address: addressOf(broker), mechanism, password }
        await sendOne(visit)
        equal(await endOfLog(), before + 1)
        if (!tellsFailure) return
        await rejects(sendOne({ ...visit, password: 'hunter2' }), /authentication|login|log in|password/i)
        equal(await endOfLog(), before + 1)
      })
    }
  }

  describeLogins('kafkajs', sendWithKafkajs)
  describeLogins('@platformatic/kafka', sendWithPlatformatic)
  if (spawnSync('kcat', ['-V']).error === undefined) describeLogins('kcat (librdkafka)', sendWithKcat)
  else skipClient('kcat (librdkafka)', 'kcat is not installed')

  const installed = installLibrdkafka()
  if ('module' in installed) {
    // It tries a wrong password again and again, until the record is too old, and says so on stderr: kcat does for both.
    const tellsFailure = false
    const sendOne: SendOne = async (visit) => {
      const { KafkaClient } = (await import(installed.module)) as Binding
      await sendWithCrab(KafkaClient, visit)
      await collectGarbage()
    }
    describeLogins('kafka-crab-js (librdkafka)', sendOne, tellsFailure)
  } else skipClient('kafka-crab-js (librdkafka)', installed.reason)

  it('no password and no key is in what the broker has logged', () => {
    const log = lines.join('\n')
    match(log, /client logged in/)
    match(log, /login refused/)
    for (const secret of [password, 'hunter2', JSON.stringify(password)]) ok(!log.includes(secret))
    for (const { credentials } of broker.image.users.values()) {
      for (const { storedKey, serverKey } of credentials.values()) {
        for (const key of [storedKey, serverKey]) {
          ok(!log.includes(key.toString('base64')) && !log.includes(key.toString('hex')))
        }
      }
    }
  })
})

function addressOf({ kafka }: Broker): string {
  return `${kafka.host}:${kafka.port}`
}

async function sendWithKafkajs({ address, mechanism, password: secret }: Visit): Promise<void> {
  const { Kafka, logLevel, Partitioners } = kafkajs
  const name = mechanism.toLowerCase() as 'plain' | 'scram-sha-256' | 'scram-sha-512'
  const kafka = new Kafka({
    brokers: [address],
    logLevel: logLevel.NOTHING,
    sasl: { mechanism: name, username: user, password: secret } as kafkajs.SASLOptions,
    retry: { retries: 0 },
  })
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  try {
    await producer.connect()
    await producer.send({ topic, messages: [{ value: 'one' }] })
  } finally {
    await producer.disconnect()
  }
}

async function sendWithPlatformatic({ address, mechanism, password: secret }: Visit): Promise<void> {
  const base = {
    clientId: 'login-test',
    bootstrapBrokers: [address],
    retries: 0,
    sasl: { mechanism, username: user, password: secret },
  }
  const producer = new Producer(base)
  const admin = new Admin(base)
  try {
    await producer.send({ messages: [{ topic, value: Buffer.from('one') }] })
    await admin.listTopics()
  } catch (error) {
    throw new Error(everyMessage(error), { cause: error })
  } finally {
    await producer.close()
    await admin.close()
  }
}

async function sendWithKcat({ address, mechanism, password: secret }: Visit): Promise<void> {
  const settings = {
    'security.protocol': 'sasl_plaintext',
    'sasl.mechanism': mechanism,
    'sasl.username': user,
    'sasl.password': secret,
    'message.timeout.ms': '10000',
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-X', `${name}=${value}`])
  const file = join(mkdtempSync(join(tmpdir(), 'polylog-kcat-')), 'one')
  try {
    writeFileSync(file, 'one')
    await run('kcat', ['-P', '-b', address, '-t', topic, ...flags, file], { timeout: 60_000 })
  } finally {
    rmSync(join(file, '..'), { recursive: true })
  }
}

async function sendWithCrab(
  KafkaClient: Binding['KafkaClient'],
  { address, mechanism, password: secret }: Visit,
): Promise<void> {
  const configuration = {
    'security.protocol': 'sasl_plaintext',
    'sasl.mechanism': mechanism,
    'sasl.username': user,
    'sasl.password': secret,
    'message.timeout.ms': 5000,
  }
  const client = new KafkaClient({ brokers: address, clientId: 'login-test', logLevel: 'none', configuration })
  const producer = client.createProducer({ configuration })
  await producer.send({ topic, messages: [{ key: Buffer.from('k'), payload: Buffer.from('one') }] })
}

/** The messages of an error and of all that caused it. */
function everyMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const others = [error.cause, ...('errors' in error && Array.isArray(error.errors) ? error.errors : [])]
  return [error.message, ...others.filter((each) => each instanceof Error).map(everyMessage)].join(': ')
}
