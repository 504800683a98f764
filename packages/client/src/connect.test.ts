import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createServer } from 'node:net'
import { describe, it } from 'node:test'
import { connect, connectIn } from './client.ts'
import { ClientError } from './client-error.ts'
import type { ClientStatus } from './status.ts'
import { ControlledEnvironment } from './testing/controlled-environment.ts'
import { FakeBroker } from './testing/fake-broker.ts'

function isClientError(code: ClientError['code'], pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ClientError, String(error))
    assert.match(error.message, pattern)
    assert.equal(error.code, code)
    return true
  }
}

/** A port of this machine where nothing listens. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

describe('connect with its check', () => {
  it('names the address and the cause when nothing listens there', async () => {
    const brokers = `127.0.0.1:${await freePort()}`
    const pattern = new RegExp(`${brokers}: nothing listens there`)
    const failure = await connect({ brokers }).catch((error: unknown) => error)
    assert.ok(isClientError('unreachable', pattern)(failure))
    assert.equal((failure as ClientError).address, brokers)
    assert.equal((failure as ClientError).retriable, true)
  })

  it('is content with one broker of several', async () => {
    await using fake = await FakeBroker.start()
    await using client = await connect({ brokers: [`127.0.0.1:${await freePort()}`, fake.address] })
    assert.ok(client)
  })

  it('fails for a topic that is missing, and says which', async () => {
    await using fake = await FakeBroker.start()
    const missing = isClientError('refused', /there is no topic "missing".*UNKNOWN_TOPIC_OR_PARTITION/)
    await assert.rejects(connect({ brokers: fake.address, topics: ['t', 'missing'] }), missing)
    await using client = await connect({ brokers: fake.address, topics: ['t'] })
    assert.ok(client)
  })

  it('fails when what answers is not Kafka, and within its time when nothing answers', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const brokers = `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
    await assert.rejects(connect({ brokers }), isClientError('not-kafka', /does not answer like a Kafka broker/))
    await new Promise((resolve) => server.close(resolve))

    await using fake = await FakeBroker.start({ 18: () => undefined })
    const environment = new ControlledEnvironment()
    let failure: unknown
    connectIn(environment, { brokers: fake.address, startTimeoutMs: 3000 }).catch((error: unknown) => (failure = error))
    await environment.until(() => failure !== undefined, 100)
    assert.ok(isClientError('timed-out', new RegExp(`${fake.address} did not answer within 3000 ms`))(failure))
  })

  it('stops at a signal', async () => {
    await using fake = await FakeBroker.start({ 18: () => undefined })
    const controller = new AbortController()
    const connecting = connect({ brokers: fake.address, signal: controller.signal })
    controller.abort(new Error('no longer'))
    await assert.rejects(connecting, isClientError('aborted', /aborted/))
  })
})

describe('connect without its check', () => {
  it('returns at once, connects when the broker comes, and calls made meanwhile are done then', async () => {
    const port = await freePort()
    const client = await connect({ brokers: `127.0.0.1:${port}`, check: false, retry: { initialMs: 5, maxMs: 10 } })
    const events: ClientStatus[] = []
    const reading = (async () => {
      for await (const event of client.status()) {
        events.push(event)
        if (event.type === 'connected') break
      }
    })()
    const producer = client.producer()
    const sending = producer.send('t', 'patient')
    while (!events.some(({ type }) => type === 'waiting')) await new Promise((resolve) => setImmediate(resolve))
    await using fake = await FakeBroker.start(
      {
        22: () => ({ errorCode: 0, producerId: 1, producerEpoch: 0 }),
        0: (request) => ({
          responses: request.topicData.map(({ name, partitionData }) => ({
            name,
            partitionResponses: partitionData.map(({ index }) => ({ index, errorCode: 0, baseOffset: 7 })),
          })),
        }),
      },
      undefined,
      port,
    )
    await reading
    assert.equal((await sending).offset, 7)
    await client.close()
    assert.ok(fake)
  })
})

describe('a client', () => {
  it('connects again after it lost its connection, though nobody calls it, and tells of it', async () => {
    const told: string[] = []
    const listener = (message: unknown): void => void told.push((message as ClientStatus).type)
    subscribe('polylog:client:status', listener)
    await using fake = await FakeBroker.start()
    const client = await connect({ brokers: fake.address, retry: { initialMs: 1, maxMs: 2 } })
    const status = client.status()
    fake.disconnect()
    const types: string[] = []
    for await (const { type } of status) {
      types.push(type)
      if (type === 'connected') break
    }
    assert.deepEqual(types, ['disconnected', 'connecting', 'connected'])
    const last = client.status()
    await client.close()
    assert.deepEqual((await last.next()).value, { type: 'closed' })
    assert.equal((await last.next()).done, true)
    unsubscribe('polylog:client:status', listener)
    assert.deepEqual(told.slice(-4), ['disconnected', 'connecting', 'connected', 'closed'])
    assert.throws(() => client.producer(), isClientError('closed', /client was closed/))
    await client.close()
  })
})
