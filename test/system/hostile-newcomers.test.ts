/** Connections that have not logged in cost little and keep nobody out. */
import { equal, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Cluster } from '@polylog/client/admin'
import { apis, encodeRequest, Writer } from '@polylog/wire'
import type { Api, Message } from '@polylog/wire'
import { BrokerProcess, temporaryDirectory } from './broker-process.ts'
import { patienceMs, until } from './wait.ts'

const mib = 1 << 20
const hostileCount = 1000
/** Of what is allowed: memory that a broker takes for 1,000 connections of any kind is in it. */
const grownBytesMax = 64 * mib
/** Goal for the fastest of some logins beside the attack; a machine that stalls slows one of them, not all. */
const loginMsMax = 1000
const loginCount = 5

const credentials = { user: 'admin', password: 'wonder' }

function request<Q, I>(api: Api<Message<Q, I>>, version: number, value: NoInfer<I>): Buffer {
  const writer = new Writer()
  encodeRequest(api, version, { correlationId: 1, clientId: 'hostile' }, value, writer)
  return writer.concat()
}

const sized = (size: number, body: Buffer): Buffer => {
  const head = Buffer.alloc(4)
  head.writeInt32BE(size)
  return Buffer.concat([head, body])
}

const handshake = request(apis[17], 1, { mechanism: 'PLAIN' })
const versions = request(apis[18], 0, {})
const kib16 = 16 * 1024

/** What is sent at once, and nothing more for as long as the other side endures it. */
const attacks: Readonly<Record<string, (number: number) => Buffer>> = {
  'nothing at all': () => Buffer.alloc(0),
  garbage: (number) => Buffer.from(Array.from({ length: 2048 }, (_, at) => (at * 31 + number * 17) & 0xff)),
  'a frame of 2 GiB': () => sized(0x7fffffff, Buffer.alloc(kib16)),
  'a frame of 16 MB that begins': () => sized(16_000_000, Buffer.alloc(64 * 1024)),
  'the largest frame there may be, but for its last byte': () => sized(kib16, Buffer.alloc(kib16 - 1)),
  'the start of a size': () => Buffer.from([0, 0]),
  'many requests whose answers nobody reads': () => Buffer.concat(Array.from({ length: 2000 }, () => versions)),
  'a handshake and the start of a token': () => Buffer.concat([handshake, sized(kib16, Buffer.alloc(kib16 - 1))]),
  'a wrong password, and more behind it': () =>
    Buffer.concat([
      handshake,
      request(apis[36], 1, { authBytes: Buffer.from('\0admin\0no') }),
      Buffer.alloc(64 * 1024),
    ]),
  'requests before the login': () => request(apis[3], 4, { topics: null, allowAutoTopicCreation: false }),
}

async function attack(port: number, bytes: Buffer): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port })
  // To be cut off is the answer it deserves.
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.pause()
  socket.write(bytes)
  return socket
}

/** Milliseconds of a whole visit: connect, log in, ask for the cluster. */
async function logIn(address: string): Promise<number> {
  const began = performance.now()
  await using cluster = new Cluster({ brokers: address, credentials })
  equal((await cluster.describe([])).brokers.length, 1)
  return performance.now() - began
}

async function startBroker(directory: string): Promise<BrokerProcess> {
  const file = join(directory, 'password')
  writeFileSync(file, credentials.password)
  // Long enough that nobody is sent away because of the time: what is measured is what they cost while they are there.
  const setting = ['--set', 'connections.unauthenticated.timeout.ms=1h']
  const count = ['--set', `connections.unauthenticated.max.per.ip=${hostileCount + 10}`]
  const total = ['--set', `connections.unauthenticated.max=${hostileCount + 10}`]
  const flags = ['--user', credentials.user, '--password-file', file, ...setting, ...count, ...total]
  return await BrokerProcess.start({ flags: [...flags, '--set', 'sasl.enabled.mechanisms=SCRAM-SHA-256,PLAIN'] })
}

describe('connections that have not logged in', () => {
  it(`${hostileCount} hostile ones of all kinds cost at most 64 MiB, and an honest client gets in within a second`, {
    timeout: 4 * patienceMs,
  }, async (context) => {
    const directory = temporaryDirectory()
    const sockets: Socket[] = []
    try {
      await using broker = await startBroker(directory)
      // What the first visits make the program load and compile is no cost of the attack.
      for (let visit = 0; visit < loginCount; visit++) await logIn(broker.address)
      const before = broker.residentBytes
      const kinds = Object.values(attacks)
      for (let number = 0; number < hostileCount; number++) {
        sockets.push(await attack(broker.port, kinds[number % kinds.length]!(number)))
      }
      let most = 0
      let fastest = Number.POSITIVE_INFINITY
      for (let visit = 0; visit < loginCount || fastest > loginMsMax; visit++) {
        ok(visit < 30, `the fastest of ${visit} logins took ${fastest} ms`)
        fastest = Math.min(fastest, await logIn(broker.address))
        most = Math.max(most, broker.residentBytes ?? 0)
      }
      context.diagnostic(`an honest client was in after ${fastest.toFixed(0)} ms`)
      ok(!broker.log.includes(' ERROR '), broker.log)
      if (before === undefined) return context.skip('there is no /proc to read memory from')
      const grownMib = (most - before) / mib
      context.diagnostic(`resident memory grew by ${grownMib.toFixed(1)} MiB`)
      ok(most - before <= grownBytesMax, `resident memory grew by ${grownMib} MiB`)
    } finally {
      for (const socket of sockets) socket.destroy()
      rmSync(directory, { recursive: true })
    }
  })

  it('more than there may be take the places of each other, not those of honest clients', {
    timeout: 2 * patienceMs,
  }, async () => {
    const directory = temporaryDirectory()
    const sockets: Socket[] = []
    try {
      const file = join(directory, 'password')
      writeFileSync(file, credentials.password)
      const flags = ['--user', credentials.user, '--password-file', file, '--set', 'max.connections=50']
      await using broker = await BrokerProcess.start({
        flags: [...flags, '--set', 'connections.unauthenticated.max=20'],
      })
      await using honest = new Cluster({ brokers: broker.address, credentials })
      await honest.describe([])
      for (let number = 0; number < 200; number++) sockets.push(await attack(broker.port, Buffer.alloc(0)))
      for (const socket of sockets) socket.resume()
      await until(
        'the oldest make room',
        () => sockets.filter(({ readableEnded, destroyed }) => readableEnded || destroyed).length >= 180,
      )
      await logIn(broker.address)
      await honest.describe([])
    } finally {
      for (const socket of sockets) socket.destroy()
      rmSync(directory, { recursive: true })
    }
  })
})
