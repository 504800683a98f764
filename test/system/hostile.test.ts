import { deepEqual, equal, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { describe, it } from 'node:test'
import { Cluster, createTopic, encodeBatch } from '@polylog/client/admin'
import { apis } from '@polylog/wire'
import { BrokerProcess } from './broker-process.ts'
import { findAnomalies } from './kill/history.ts'
import { readAll } from './kill/readers.ts'
import { writePipelined } from './kill/writers.ts'
import type { Writer } from './kill/writers.ts'
import { until } from './wait.ts'

const topic = 'ledger'
const mib = 1 << 20

async function open(broker: BrokerProcess): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: broker.port })
  // A reset is one of the ways in which a broker may answer all this.
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

function frame(size: number, body: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeInt32BE(size)
  return Buffer.concat([head, body])
}

/** Header of a request, version 1: key, version, correlation id, no client id. */
function header(key: number, version: number): Buffer {
  const bytes = Buffer.alloc(10)
  bytes.writeInt16BE(key, 0)
  bytes.writeInt16BE(version, 2)
  bytes.writeInt32BE(7, 4)
  bytes.writeInt16BE(-1, 8)
  return bytes
}

const wholeFrame = (body: Buffer): Buffer => frame(body.length, body)

/** What breaks the protocol so that there is no way to go on; the broker closes the connection. */
const fatal: Record<string, Buffer> = {
  'an HTTP request': Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
  'a TLS hello': Buffer.from('16030100c8010000c40303', 'hex'),
  'a frame of 2 GiB': frame(0x7fffffff, Buffer.alloc(64)),
  'a frame of negative size': frame(-5, Buffer.alloc(64)),
  'an API that there is not': wholeFrame(header(9999, 0)),
  'a version of Produce that there is not': wholeFrame(header(0, 99)),
  'a Metadata request that asks for 2 billion topics': wholeFrame(
    Buffer.concat([header(3, 1), Buffer.from('7fffffff', 'hex')]),
  ),
  'a Produce request that is cut short': wholeFrame(Buffer.concat([header(0, 3), Buffer.from('ffff', 'hex')])),
}

/** Runs `attack` while an honest client writes; that one must not notice. */
async function besideHonest(broker: BrokerProcess, attack: (writer: Writer) => Promise<void>): Promise<void> {
  {
    await using cluster = new Cluster({ brokers: broker.address })
    await createTopic(cluster, { name: topic, partitionCount: 2 })
  }
  await using writer = writePipelined(broker.address, topic, [0, 1])
  await until('the honest client is at work', () => writer.acknowledged.length > 200)
  await attack(writer)
  const before = writer.acknowledged.length
  await until('the honest client goes on', () => writer.acknowledged.length > before + 200)
  await writer.stop()
  equal(writer.connections, 1, 'the honest client had to connect again')
  const { acknowledged, refusals } = writer
  const readAfter = await readAll(broker.address, topic)
  deepEqual(findAnomalies({ refusals, acknowledged, readWhile: [], readAfter, committed: [] }).slice(0, 10), [])
}

describe('an honest client goes on undisturbed beside', () => {
  it('garbage, oversized frames, unknown APIs and versions, impossible counts: each is cut off', async () => {
    await using broker = await BrokerProcess.start()
    await besideHonest(broker, async () => {
      for (const [name, bytes] of Object.entries(fatal)) {
        const socket = await open(broker)
        socket.resume()
        socket.write(bytes)
        await until(`the broker closes the connection after ${name}`, () => socket.destroyed || socket.readableEnded)
        socket.destroy()
      }
    })
  })

  it('batches with a wrong CRC, which are refused', async () => {
    await using broker = await BrokerProcess.start()
    await besideHonest(broker, async () => {
      await using cluster = new Cluster({ brokers: broker.address })
      const records = encodeBatch([{ key: 'evil', value: 'evil#1' }], 'none', Date.now())
      records[records.length - 1]! ^= 0x01
      const answer = await cluster.broker(await cluster.leaderOf(topic, 0), apis[0], {
        acks: -1,
        timeoutMs: 5000,
        topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
      })
      const corruptMessage = 2
      equal(answer.responses[0]!.partitionResponses[0]!.errorCode, corruptMessage)
    })
  })

  it('half-open and slow connections', async () => {
    await using broker = await BrokerProcess.start()
    const sockets: Socket[] = []
    await besideHonest(broker, async () => {
      const request = wholeFrame(header(18, 0))
      for (let i = 0; i < 20; i++) {
        const slow = await open(broker)
        slow.write(request.subarray(0, 1 + (i % (request.length - 1))))
        const half = await open(broker)
        half.end(request)
        sockets.push(slow, half)
      }
    })
    for (const socket of sockets) socket.destroy()
  })
})

describe('memory', () => {
  it('1,000 idle connections and 200 that announce large frames cost little, and an honest client goes on', async (context) => {
    await using broker = await BrokerProcess.start()
    const sockets: Socket[] = []
    await besideHonest(broker, async (writer) => {
      const before = broker.residentBytes
      for (let i = 0; i < 1000; i++) sockets.push(await open(broker))
      // Each says that 16 MB will come, sends a little, and waits: 3 GB in all if the broker took their word for it.
      for (let i = 0; i < 200; i++) {
        const socket = await open(broker)
        socket.write(frame(16_000_000, Buffer.concat([header(0, 3), Buffer.alloc(32 * 1024)])))
        sockets.push(socket)
      }
      const at = writer.acknowledged.length
      await until('the honest client goes on', () => writer.acknowledged.length > at + 1000)
      if (before === undefined) return context.skip('there is no /proc to read memory from')
      const grownMib = (broker.residentBytes! - before) / mib
      context.diagnostic(`resident memory grew by ${grownMib.toFixed(0)} MiB`)
      ok(grownMib < 128, `resident memory grew by ${grownMib} MiB`)
    })
    for (const socket of sockets) socket.destroy()
  })
})
