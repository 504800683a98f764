import { ok, strictEqual as equal } from 'node:assert/strict'
import { it } from 'node:test'
import { ReplicaWorld, append } from './testing/replica-world.ts'
import type { ReplicaBroker } from './testing/replica-world.ts'
import { readAll } from './testing/read-all.ts'

const seedCount = Number(process.env['SEEDS'] ?? 25)
const firstSeed = Number(process.env['SEED'] ?? 1)

/** Values whose commit was reported, by offset. */
type Acknowledged = Map<number, string>

async function live(w: ReplicaWorld, acknowledged: Acknowledged): Promise<void> {
  const { random } = w.scheduler
  let serial = 0
  const produce = (): void => {
    const leader = w.brokers.map((broker) => broker.leads()).find((replica) => replica !== undefined)
    if (leader === undefined || leader.log.damage !== undefined) return
    for (let i = random.between(1, 5); i > 0; i--) {
      const text = `value ${(serial += 1)}`
      const { baseOffset, endOffset } = append(leader, text, 1)
      leader.whenCommitted(endOffset, (fault) => {
        if (fault !== undefined) return
        ok(
          !acknowledged.has(baseOffset),
          `offset ${baseOffset} was given twice: ${acknowledged.get(baseOffset)}, ${text}`,
        )
        acknowledged.set(baseOffset, text)
      })
    }
  }
  for (let step = 0; step < 120; step++) {
    produce()
    if (random.chance(0.25)) await disturb(w)
    await w.scheduler.runFor(random.between(1, 150))
  }
}

async function disturb(w: ReplicaWorld): Promise<void> {
  const { random } = w.scheduler
  const broker = w.brokers[random.below(w.brokers.length)]!
  const other = w.brokers[random.below(w.brokers.length)]!
  switch (random.below(7)) {
    case 0:
      if (other !== broker) w.cuts.add(`${broker.id}>${other.id}`)
      break
    case 1:
      w.cuts.clear()
      break
    case 2:
      if (broker.isUp) {
        await w.unregister(broker)
        w.crash(broker, random.chance(0.5) ? 'kill' : 'power')
      }
      break
    case 3:
      if (!broker.isUp) await w.start(broker)
      break
    case 4:
      if (broker.isUp) await w.register(broker)
      break
    case 5:
      await w.elect(0, [broker.id])
      break
    default:
      await w.elect()
  }
}

async function heal(w: ReplicaWorld): Promise<ReplicaBroker> {
  w.cuts.clear()
  for (const broker of w.brokers) if (!broker.isUp) await w.start(broker)
  await w.elect()
  await w.until(() => w.brokers.some((broker) => broker.leads()?.state.inSyncReplicas.length === w.brokers.length))
  const leader = w.brokers.find((broker) => broker.leads())!
  const end = leader.leads()!.logEndOffset
  await w.until(() => w.brokers.every((broker) => broker.replica()!.highWatermark === end))
  return leader
}

async function run(seed: number): Promise<void> {
  const w = await new ReplicaWorld(seed, 3, seed % 2 === 0 ? { 'min.insync.replicas': '2' } : {}).begin()
  await w.createTopic()
  const acknowledged: Acknowledged = new Map()
  await live(w, acknowledged)
  const leader = await heal(w)
  const contents: Map<number, string>[] = []
  for (const broker of w.brokers) contents.push(await w.scheduler.complete(readAll(broker.replica()!)))
  const truth = contents[w.brokers.indexOf(leader)]!
  for (const [offset, text] of acknowledged)
    equal(truth.get(offset), text, `seed ${seed}: offset ${offset} was acknowledged`)
  for (const content of contents) {
    equal(content.size, truth.size, `seed ${seed}: replicas differ`)
    for (const [offset, text] of truth) equal(content.get(offset), text, `seed ${seed}: replicas differ at ${offset}`)
  }
  ok(acknowledged.size > 0, `seed ${seed}: only ${acknowledged.size} records were acknowledged, which proves nothing`)
}

for (let seed = firstSeed; seed < firstSeed + seedCount; seed++) {
  it(`loses nothing that was committed whatever happens to brokers and wires (SEED=${seed} SEEDS=1 replays it)`, () =>
    run(seed))
}
