import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { Connection, Listener, Network, NetworkErrorKind } from '../../packages/broker/src/host/network.ts'
import { NetworkError } from '../../packages/broker/src/host/network.ts'
import { RecordingReceiver } from './recording-receiver.ts'
import type { Stage } from './stage.ts'

export interface NetworkSubject extends Stage {
  /** The side that listens, and the host under which the other side reaches it. */
  server: Network
  serverHost: string
  client: Network
}

interface Pair extends NetworkSubject {
  listener: Listener
  near: Connection
  far: Connection
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Bytes that show where in the stream they belong. */
function pattern(count: number, from = 0): Uint8Array {
  const bytes = new Uint8Array(count)
  for (let index = 0; index < count; index += 1) bytes[index] = ((from + index) * 2654435761) >>> 24
  return bytes
}

function isKind(kind: NetworkErrorKind, message = /./): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof NetworkError, String(error))
    assert.equal(error.kind, kind)
    assert.match(error.message, message)
    return true
  }
}

/** What every Network must do as long as nobody cuts it. */
export function describeNetworkContract(name: string, make: () => NetworkSubject): void {
  describe(`Network: ${name}`, () => {
    const open: (() => void)[] = []
    afterEach(() => {
      for (const close of open.splice(0)) close()
    })

    /** A connection; `near` has dialled, `far` was accepted. `onAccept` runs in the turn of the accept. */
    const connect = async (onAccept: (far: Connection) => void = () => {}): Promise<Pair> => {
      const subject = make()
      const accepted: Connection[] = []
      const listener = await subject.settle(
        subject.server.listen({ host: subject.serverHost, port: 0 }, (connection) => {
          accepted.push(connection)
          open.push(() => connection.destroy())
          onAccept(connection)
        }),
      )
      open.push(() => void listener.close())
      const address = { host: subject.serverHost, port: listener.address.port }
      const near = await subject.settle(subject.client.connect(address, 5000))
      open.push(() => near.destroy())
      await subject.until(() => accepted.length === 1)
      return { ...subject, listener, near, far: accepted[0]! }
    }

    describeDialling(make, connect)
    describeBytes(connect)
    describeFlow(connect)
    describeEnds(connect)
  })
}

type Connect = (onAccept?: (far: Connection) => void) => Promise<Pair>

function describeDialling(make: () => NetworkSubject, connect: Connect): void {
  it('tells both ends the same two addresses', async () => {
    const { near, far, listener } = await connect()
    assert.ok(listener.address.port > 0)
    assert.equal(near.remote.port, listener.address.port)
    assert.deepEqual(near.remote, far.local)
    assert.deepEqual(near.local, far.remote)
  })

  it('names the port that is in use', async () => {
    const { server, serverHost, listener, settle } = await connect()
    const { port } = listener.address
    await assert.rejects(
      settle(server.listen({ host: serverHost, port }, () => {})),
      isKind('in-use', new RegExp(`:${port}\\b.*already in use`)),
    )
  })

  it('refuses to listen at an address that is not its own', async () => {
    const { server, settle } = make()
    await assert.rejects(settle(server.listen({ host: '192.0.2.1', port: 0 }, () => {})), isKind('unknown-host'))
  })

  it('is refused where nobody listens any more, while connections go on', async () => {
    const { client, serverHost, listener, near, far, settle, until } = await connect()
    await settle(listener.close())
    const again = client.connect({ host: serverHost, port: listener.address.port }, 5000)
    await assert.rejects(settle(again), isKind('refused', /cannot connect to/))
    const received = new RecordingReceiver()
    far.receive(received)
    near.write([bytesOf('still here')])
    await until(() => received.text() === 'still here')
  })

  it('takes a port again that was closed', async () => {
    const { server, serverHost, listener, settle } = await connect()
    await settle(listener.close())
    const again = await settle(server.listen({ host: serverHost, port: listener.address.port }, () => {}))
    assert.equal(again.address.port, listener.address.port)
    await settle(again.close())
  })
}

function describeBytes(connect: Connect): void {
  it('carries bytes both ways in order, whatever the size of the receiving buffers', async () => {
    for (const bufferBytes of [1, 1000, 300_000]) {
      const total = bufferBytes === 1 ? 3000 : 1_000_000
      const atFar = new RecordingReceiver(bufferBytes)
      const { near, far, until } = await connect((accepted) => accepted.receive(atFar))
      const atNear = new RecordingReceiver(bufferBytes)
      near.receive(atNear)
      for (let from = 0; from < total; from += total / 10) {
        near.write([pattern(total / 20, from), pattern(total / 20, from + total / 20)])
        far.write([pattern(total / 10, from)])
      }
      await until(() => atNear.byteCount === total && atFar.byteCount === total)
      assert.ok(Buffer.from(pattern(total)).equals(atNear.bytes()))
      assert.ok(Buffer.from(pattern(total)).equals(atFar.bytes()))
    }
  })

  it('keeps what arrives before anybody receives', async () => {
    const { near, far, until } = await connect()
    let written = false
    near.write([bytesOf('early')], () => {
      written = true
    })
    await until(() => written)
    const received = new RecordingReceiver(2)
    far.receive(received)
    await until(() => received.text() === 'early')
  })

  it('reports each write once, in order, and never within the call', async () => {
    const atFar = new RecordingReceiver()
    const { near, until } = await connect((accepted) => accepted.receive(atFar))
    near.receive(new RecordingReceiver())
    const reported: number[] = []
    for (let index = 0; index < 50; index += 1) {
      const chunks = Array.from({ length: index % 4 }, () => bytesOf('abc'))
      near.write(chunks, () => reported.push(index))
    }
    assert.equal(reported.length, 0)
    await until(() => reported.length === 50 && atFar.byteCount === 3 * 73)
    assert.deepEqual(
      reported,
      reported.toSorted((one, other) => one - other),
    )
  })

  it('sends thousands of chunks in one write', async () => {
    const atFar = new RecordingReceiver()
    const { near, until } = await connect((accepted) => accepted.receive(atFar))
    const chunks = Array.from({ length: 3000 }, (_, index) => pattern(11, index * 11))
    near.write(chunks)
    await until(() => atFar.byteCount === 33_000)
    assert.ok(Buffer.from(pattern(33_000)).equals(atFar.bytes()))
  })
}

function describeFlow(connect: Connect): void {
  it('piles up what the peer does not read, and tells when that is gone', async () => {
    const { near, far, until } = await connect()
    const atNear = new RecordingReceiver()
    near.receive(atNear)
    const chunk = new Uint8Array(1024 * 1024)
    let count = 0
    while (near.pendingBytes() === 0 && count < 64) {
      near.write([chunk])
      count += 1
    }
    assert.ok(near.pendingBytes() > 0)
    assert.equal(atNear.drainedCount, 0)
    const atFar = new RecordingReceiver(65_536)
    far.receive(atFar)
    await until(() => atFar.byteCount === count * chunk.length && atNear.drainedCount > 0)
    assert.equal(near.pendingBytes(), 0)
    assert.equal(atNear.drainedCount, 1)
  })

  it('receives nothing while paused, from the very call on', async () => {
    const atFar = new RecordingReceiver(10)
    const { near, far, until } = await connect((accepted) => accepted.receive(atFar))
    atFar.onReceived = () => far.pause()
    near.write([pattern(35)])
    await until(() => atFar.byteCount > 0)
    assert.ok(atFar.byteCount <= 10)
    near.write([pattern(5, 35)])
    for (let partCount = 1; atFar.byteCount < 40; partCount += 1) {
      assert.equal(atFar.partCount, partCount)
      far.resume()
      await until(() => atFar.partCount > partCount)
    }
    assert.deepEqual([...atFar.bytes()], [...pattern(40)])
  })

  it('may be paused before it receives', async () => {
    const atFar = new RecordingReceiver()
    const { near, far, until } = await connect((accepted) => {
      accepted.pause()
      accepted.receive(atFar)
    })
    let written = false
    near.write([bytesOf('abc')], () => {
      written = true
    })
    await until(() => written)
    assert.equal(atFar.byteCount, 0)
    far.resume()
    await until(() => atFar.text() === 'abc')
  })
}

function describeEnds(connect: Connect): void {
  it('sends everything before it ends, and both sides close in peace', async () => {
    const atFar = new RecordingReceiver(65_536)
    const atNear = new RecordingReceiver()
    const { near, until } = await connect((accepted) => accepted.receive(atFar))
    near.receive(atNear)
    let writtenCount = 0
    for (let index = 0; index < 5; index += 1) {
      near.write([pattern(1_000_000, index * 1_000_000)], () => {
        writtenCount += 1
      })
    }
    near.end()
    near.end()
    await until(() => atFar.closedCount === 1 && atNear.closedCount === 1)
    assert.ok(Buffer.from(pattern(5_000_000)).equals(atFar.bytes()))
    assert.deepEqual([atFar.error, atNear.error, writtenCount], [undefined, undefined, 5])
  })

  it('sends the last answer even when input is still on its way', async () => {
    const atNear = new RecordingReceiver()
    const atFar = new RecordingReceiver(16)
    const { near, far, until } = await connect((accepted) => accepted.receive(atFar))
    near.receive(atNear)
    atFar.onReceived = () => {
      if (atFar.partCount > 1) return
      far.write([bytesOf('no')])
      far.end()
    }
    near.write([new Uint8Array(200_000)])
    await until(() => atNear.closedCount === 1 && atFar.closedCount === 1)
    assert.equal(atNear.text(), 'no')
    assert.equal(atFar.partCount, 1)
    assert.deepEqual([atFar.error, atNear.error], [undefined, undefined])
  })

  it('drops what is written after the end, but reports it', async () => {
    const atFar = new RecordingReceiver()
    const atNear = new RecordingReceiver()
    const { near, until } = await connect((accepted) => accepted.receive(atFar))
    near.receive(atNear)
    near.write([bytesOf('a')])
    near.end()
    let reportedCount = 0
    const report = (): void => {
      reportedCount += 1
    }
    near.write([bytesOf('b')], report)
    await until(() => reportedCount === 1 && atFar.closedCount === 1 && atNear.closedCount === 1)
    near.write([bytesOf('c')], report)
    assert.equal(reportedCount, 1)
    await until(() => reportedCount === 2)
    assert.equal(atFar.text(), 'a')
    assert.equal(near.pendingBytes(), 0)
  })

  it('closes at once when destroyed, and reports what it drops', async () => {
    const { near, far, until } = await connect()
    const atNear = new RecordingReceiver()
    near.receive(atNear)
    let reportedCount = 0
    for (let index = 0; index < 20; index += 1) {
      near.write([new Uint8Array(1024 * 1024)], () => {
        reportedCount += 1
      })
    }
    assert.ok(near.pendingBytes() > 0)
    near.destroy()
    near.destroy()
    assert.equal(near.pendingBytes(), 0)
    assert.equal(atNear.closedCount, 0)
    const atFar = new RecordingReceiver(65_536)
    far.receive(atFar)
    await until(() => atNear.closedCount === 1 && reportedCount === 20 && atFar.closedCount === 1)
    assert.equal(atNear.error, undefined)
    assert.ok(atFar.byteCount < 20 * 1024 * 1024)
    assert.equal(atNear.drainedCount, 0)
  })

  it('tells who writes to a peer that is gone', async () => {
    const { near, far, until } = await connect()
    const atNear = new RecordingReceiver()
    near.receive(atNear)
    let written = false
    near.write([bytesOf('unread')], () => {
      written = true
    })
    await until(() => written)
    far.pause()
    far.destroy()
    for (let round = 0; atNear.closedCount === 0 && round < 1000; round += 1) {
      let reported = false
      near.write([bytesOf('more')], () => {
        reported = true
      })
      await until(() => reported)
    }
    await until(() => atNear.closedCount === 1)
  })

  it('delivers all that came before the end of the peer, even when paused meanwhile', async () => {
    const atFar = new RecordingReceiver(100)
    const { near, far, until } = await connect((accepted) => accepted.receive(atFar))
    const atNear = new RecordingReceiver()
    near.receive(atNear)
    atFar.onReceived = () => far.pause()
    near.write([pattern(1000)])
    near.end()
    await until(() => atFar.byteCount > 0)
    for (let round = 0; atFar.byteCount < 1000; round += 1) {
      assert.equal(atFar.closedCount, 0)
      const { byteCount } = atFar
      far.resume()
      await until(() => atFar.byteCount > byteCount)
    }
    atFar.onReceived = () => {}
    far.resume()
    await until(() => atFar.closedCount === 1 && atNear.closedCount === 1)
    assert.deepEqual([...atFar.bytes()], [...pattern(1000)])
  })

  it('takes one receiver only', async () => {
    const { near } = await connect()
    near.receive(new RecordingReceiver())
    assert.throws(() => near.receive(new RecordingReceiver()))
  })
}
