import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Connection, Receiver } from '../../packages/broker/src/host/network.ts'
import { SimulatedWorld } from '../../packages/broker/src/host/simulated/simulated-world.ts'
import type { SimulatedNode } from '../../packages/broker/src/host/simulated/simulated-node.ts'

/** Answers each byte with itself, after it has been synced. */
async function serve(node: SimulatedNode): Promise<void> {
  const { disk, network } = node.host
  const file = disk.open('log', 'write')
  await disk.syncDirectory('.')
  await network.listen({ host: '0.0.0.0', port: 9092 }, (connection) => {
    const buffer = new Uint8Array(64)
    const store = async (bytes: Uint8Array): Promise<void> => {
      file.write([bytes], file.size())
      await file.sync()
      connection.write([bytes])
    }
    connection.receive(
      receiverOf(buffer, (count) => {
        store(buffer.slice(0, count)).catch(() => connection.destroy())
      }),
    )
  })
}

/** Sends a byte now and then, and dials again when it must; returns how many answers came, as a function. */
function ask(node: SimulatedNode): () => number {
  const { clock, network, random } = node.host
  let answerCount = 0
  const dial = (): void => {
    network.connect({ host: 'server', port: 9092 }, 50).then(
      (connection) => talk(connection),
      () => void clock.startTimer(10, dial),
    )
  }
  const talk = (connection: Connection): void => {
    let open = true
    const buffer = new Uint8Array(8)
    const send = (): void => {
      if (!open) return
      connection.write([random.bytes(1 + Math.floor(random.next() * 20))])
      clock.startTimer(random.next() * 10, send)
    }
    const receiver = receiverOf(buffer, (count) => {
      answerCount += count
    })
    receiver.closed = () => {
      open = false
      clock.startTimer(5, dial)
    }
    connection.receive(receiver)
    send()
  }
  dial()
  return () => answerCount
}

function receiverOf(buffer: Uint8Array, received: (count: number) => void): Receiver {
  return { buffer: () => buffer, received, drained: () => {}, closed: () => {} }
}

/** Server and three clients under cuts, kills, power losses, stalls and clock jumps, all drawn from the seed. */
async function scenario(seed: number): Promise<{ hash: string; answerCount: number; eventCount: number }> {
  const world = new SimulatedWorld(seed)
  const server = world.node('server')
  const faults = world.scheduler.random.stream('faults')
  await world.scheduler.complete(serve(server))
  const counts = ['a', 'b', 'c'].map((name) => ask(world.node(name)))
  for (let round = 0; round < 3; round += 1) {
    await world.scheduler.runFor(faults.between(5, 20))
    const client = ['a', 'b', 'c'][faults.below(3)]!
    const draw = faults.below(6)
    if (draw === 0) world.network.cut(client, 'server')
    else if (draw === 1) world.network.cut('server', client)
    else if (draw === 2) world.network.breakConnections(client, 'server')
    else if (draw === 3) server.time.jump(faults.between(-1000, 1000))
    else if (draw === 4) server.disk.stall()
    else {
      if (faults.chance(0.5)) server.killProcess()
      else {
        server.losePower()
        await world.scheduler.runFor(faults.between(1, 20))
        server.powerOn()
      }
      await world.scheduler.complete(serve(server))
    }
    await world.scheduler.runFor(faults.between(1, 20))
    world.network.healAll()
    server.disk.release()
  }
  await world.scheduler.runFor(60)
  const answerCount = counts.reduce((total, count) => total + count(), 0)
  return { hash: world.scheduler.eventHash, answerCount, eventCount: world.scheduler.eventCount }
}

describe('the simulated world', () => {
  it('repeats itself exactly: one hash for one seed, in 100 of 100 reruns', async () => {
    const first = await scenario(42)
    assert.ok(first.answerCount > 50 && first.eventCount > 200, JSON.stringify(first))
    for (let rerun = 0; rerun < 100; rerun += 1) assert.deepEqual(await scenario(42), first)
  })

  it('differs from seed to seed', async () => {
    const hashes = new Set<string>()
    for (let seed = 0; seed < 30; seed += 1) hashes.add((await scenario(seed)).hash)
    assert.equal(hashes.size, 30)
  })
})
