import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Connection, NetworkErrorKind, Receiver } from '../network.ts'
import { NetworkError } from '../network.ts'
import type { TlsListenOptions } from '../tls.ts'
import { SimulatedWorld } from './simulated-world.ts'

class Inbox implements Receiver {
  text = ''
  isClosed = false
  error: Error | undefined
  readonly #buffer = new Uint8Array(4096)

  buffer(): Uint8Array {
    return this.#buffer
  }

  received(count: number): void {
    this.text += new TextDecoder().decode(this.#buffer.subarray(0, count))
  }

  drained(): void {}

  closed(error: Error | undefined): void {
    this.isClosed = true
    this.error = error
  }
}

interface Ends {
  world: SimulatedWorld
  near: Connection
  far: Connection
  atNear: Inbox
  atFar: Inbox
}

/** Machine 'a' has dialled machine 'b'. */
async function connected(seed = 1): Promise<Ends> {
  const world = new SimulatedWorld(seed)
  const atNear = new Inbox()
  const atFar = new Inbox()
  let far: Connection | undefined
  const listening = world.node('b').host.network.listen({ host: '0.0.0.0', port: 9092 }, (connection) => {
    far = connection
    connection.receive(atFar)
  })
  await world.scheduler.complete(listening)
  const near = await world.scheduler.complete(world.node('a').host.network.connect({ host: 'b', port: 9092 }, 1000))
  near.receive(atNear)
  await world.scheduler.run(() => far !== undefined)
  return { world, near, far: far!, atNear, atFar }
}

const bytesOf = (text: string): Uint8Array[] => [new TextEncoder().encode(text)]

function isKind(kind: NetworkErrorKind): (error: unknown) => boolean {
  return (error) => error instanceof NetworkError && error.kind === kind
}

describe('a simulated network', () => {
  it('finds machines by name, by address, and each itself as localhost', async () => {
    const { world, near, far } = await connected()
    assert.deepEqual([near.remote, far.local.port], [{ host: '10.0.0.1', port: 9092 }, 9092])
    const { network } = world.node('a').host
    await world.scheduler.complete(network.connect({ host: '10.0.0.1', port: 9092 }, 1000))
    await assert.rejects(
      world.scheduler.complete(network.connect({ host: 'localhost', port: 9092 }, 1000)),
      isKind('refused'),
    )
    await assert.rejects(
      world.scheduler.complete(network.connect({ host: 'nobody', port: 9092 }, 1000)),
      isKind('unreachable'),
    )
    const own = world.node('b').host.network.connect({ host: '127.0.0.1', port: 9092 }, 1000)
    await world.scheduler.complete(own)
  })

  it('takes the time its links take', async () => {
    const { world, near, atFar } = await connected()
    world.network.link('a', 'b').options.latencyMs = { min: 200, max: 201 }
    const startMs = world.scheduler.nowMs
    near.write(bytesOf('slow'))
    await world.scheduler.run(() => atFar.text === 'slow')
    assert.ok(world.scheduler.nowMs - startMs >= 200)
    world.network.link('a', 'b').options.latencyMs = { min: 0, max: 0.1 }
    world.network.link('a', 'b').options.bytesPerMs = 10
    const narrowMs = world.scheduler.nowMs
    near.write(bytesOf('x'.repeat(1000)))
    await world.scheduler.run(() => atFar.text.length === 1004)
    assert.ok(world.scheduler.nowMs - narrowMs >= 99)
  })

  it('carries one way while the other is cut, and the rest in order once that is healed', async () => {
    const { world, near, far, atNear, atFar } = await connected()
    near.write(bytesOf('1'))
    world.network.cut('a', 'b')
    near.write(bytesOf('2'))
    far.write(bytesOf('back'))
    await world.scheduler.runFor(10_000)
    assert.deepEqual([atFar.text, atNear.text], ['', 'back'])
    near.write(bytesOf('3'))
    world.network.heal('a', 'b')
    near.write(bytesOf('4'))
    await world.scheduler.run(() => atFar.text === '1234')
  })

  it('holds back a dial over a cut, either way, until its time is over or the cut is healed', async () => {
    for (const [source, target] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      const { world } = await connected()
      const { network } = world.node('a').host
      world.network.cut(source, target)
      const dialled = world.scheduler.complete(network.connect({ host: 'b', port: 9092 }, 1000))
      await assert.rejects(dialled, isKind('timed-out'))
      const patient = network.connect({ host: 'b', port: 9092 }, 60_000)
      await world.scheduler.runFor(30_000)
      world.network.healAll()
      await world.scheduler.complete(patient)
    }
  })

  it('separates groups of machines', async () => {
    const { world, near, far, atNear, atFar } = await connected()
    world.node('c')
    world.network.partition(['a', 'c'], ['b'])
    near.write(bytesOf('x'))
    far.write(bytesOf('y'))
    await world.scheduler.runFor(10_000)
    assert.deepEqual([atFar.text, atNear.text, atFar.isClosed], ['', '', false])
    world.network.healAll()
    await world.scheduler.run(() => atFar.text === 'x' && atNear.text === 'y')
  })

  it('breaks connections between two machines', async () => {
    const { world, near, atNear, atFar } = await connected()
    world.network.breakConnections('a', 'b')
    near.write(bytesOf('too late'))
    await world.scheduler.runFor(1000)
    assert.ok(isKind('reset')(atNear.error) && isKind('reset')(atFar.error))
  })

  it('lets the peers of a killed process know, and refuses its port', async () => {
    const { world, near, atNear, atFar } = await connected()
    world.node('b').killProcess()
    await world.scheduler.run(() => atNear.isClosed)
    near.write(bytesOf('nobody'))
    await world.scheduler.runFor(1000)
    assert.deepEqual([atFar.text, atFar.isClosed], ['', false], 'the dead are told nothing')
    const again = world.node('a').host.network.connect({ host: 'b', port: 9092 }, 1000)
    await assert.rejects(world.scheduler.complete(again), isKind('refused'))
  })

  it('leaves a connection half open when its peer loses power, until that is back', async () => {
    const { world, near, atNear } = await connected()
    world.node('b').losePower()
    near.write(bytesOf('anybody?'))
    await world.scheduler.runFor(600_000)
    assert.equal(atNear.isClosed, false)
    const dialled = world.node('a').host.network.connect({ host: 'b', port: 9092 }, 1000)
    await assert.rejects(world.scheduler.complete(dialled), isKind('timed-out'))
    world.node('b').powerOn()
    await world.scheduler.run(() => atNear.isClosed)
    assert.ok(isKind('reset')(atNear.error))
  })

  it('never learns of a peer that died behind a cut until the cut is healed', async () => {
    const { world, atNear } = await connected()
    world.network.cut('b', 'a')
    world.node('b').killProcess()
    await world.scheduler.runFor(600_000)
    assert.equal(atNear.isClosed, false)
    world.network.healAll()
    await world.scheduler.run(() => atNear.isClosed)
  })

  it('cuts an ended connection whose peer does not end its side', async () => {
    const { world, near, atNear } = await connected()
    world.node('b').losePower()
    near.end()
    await world.scheduler.run(() => atNear.isClosed)
    assert.equal(atNear.error, undefined)
  })

  it('calls nobody in a dead process, and takes nothing from it', async () => {
    const { world, near, far, atNear } = await connected()
    const { network } = world.node('a').host
    far.write(bytesOf('last words'))
    world.node('a').killProcess()
    await world.scheduler.runFor(1000)
    assert.deepEqual([atNear.text, atNear.isClosed], ['', false])
    assert.throws(() => near.write(bytesOf('x')), /dead process/)
    assert.throws(() => network.connect({ host: 'b', port: 9092 }, 1), /dead process/)
  })

  it('connects nobody to somebody who wants TLS where the other does not', async () => {
    const world = new SimulatedWorld(1)
    const tls: TlsListenOptions = {
      credentials: () => ({}),
      clientAuthentication: 'none',
      versionMin: '1.2',
      handshakeTimeoutMs: 1,
    }
    const b = world.node('b').host.network
    await world.scheduler.complete(b.listen({ host: 'b', port: 1 }, () => {}))
    await world.scheduler.complete(b.listen({ host: 'b', port: 2 }, () => {}, tls))
    const { network } = world.node('a').host
    for (const [port, wanted, isGood] of [
      [1, undefined, true],
      [2, tls, true],
      [1, tls, false],
      [2, undefined, false],
    ] as const) {
      const dialled = world.scheduler.complete(network.connect({ host: 'b', port }, 1000, wanted))
      if (isGood) await dialled
      else await assert.rejects(dialled, isKind('tls'))
    }
  })

  it('splits what is written at random places', async () => {
    const partCounts = new Set<number>()
    for (let seed = 0; seed < 20; seed += 1) {
      const { world, near, atFar } = await connected(seed)
      let partCount = 0
      const received = atFar.received.bind(atFar)
      atFar.received = (count) => {
        partCount += 1
        received(count)
      }
      near.write(bytesOf('x'.repeat(3000)))
      await world.scheduler.run(() => atFar.text.length === 3000)
      partCounts.add(partCount)
    }
    assert.ok(partCounts.size > 1)
  })
})
