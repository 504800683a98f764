import type { KnownTopic } from '../clients/catalogue.ts'
import { readDeadLetters } from '../clients/dead-letter-reader.ts'
import { QueueDrainer } from '../clients/queue-drainer.ts'
import { QueueFounder } from '../clients/queue-founder.ts'
import { QueueMember } from '../clients/queue-member.ts'
import type { QueueHabits } from '../clients/queue-member.ts'
import type { ClientParts } from '../clients/session.ts'
import type { LeadershipOf } from '../clients/share-session.ts'
import type { SimulatedRandom } from '../../../packages/broker/src/host/simulated/simulated-random.ts'
import type { QueueGroupPlan } from './plan.ts'
import type { PopulationOptions } from './population-options.ts'

type Run = (parts: ClientParts) => Promise<void>

/** The clients of work queues: who founds the groups, who works in them, who empties them and who looks at the end. */
export class QueuePopulation {
  readonly #options: PopulationOptions
  readonly #partsOf: (name: string) => ClientParts
  readonly #groups: (QueueGroupPlan & { name: string })[]
  readonly #deadTopics = new Map<string, KnownTopic>()
  readonly #leadershipOf: LeadershipOf

  constructor(options: PopulationOptions, partsOf: (name: string) => ClientParts) {
    this.#options = options
    this.#partsOf = partsOf
    this.#groups = options.plan.queueGroups.map((group, index) => ({ ...group, name: `queue-${index + 1}` }))
    this.#leadershipOf = (machine, topicId, partition) =>
      options.brokers.find(({ name }) => name === machine)?.ledBy(topicId, partition)
  }

  async prepare(): Promise<void> {
    for (const group of this.#groups) {
      const founder = new QueueFounder(this.#partsOf(`founder of ${group.name}`))
      const topic = await founder.found(group.name, group, this.#options.plan.minInsyncReplicas)
      if (topic !== undefined) this.#deadTopics.set(group.name, topic)
    }
  }

  /** @param isQuiet whether nobody sends anything any more */
  addTo(add: (name: string, run: Run) => void, isQuiet: () => boolean): void {
    const random = this.#options.world.scheduler.random.stream('queue members')
    for (const group of this.#groups) {
      for (let index = 0; index < group.members; index += 1) this.#addMember(add, group, index, random)
      add(`${group.name} drainer`, (parts) => this.#drainer(parts, group).drain(isQuiet))
    }
  }

  /** Groups in which something is left to do, or may be. */
  get undrained(): string[] {
    const { drained } = this.#options.recorder.history.queues
    return this.#groups.flatMap(({ name }) => (drained.includes(name) ? [] : name))
  }

  async audit(name: string): Promise<void> {
    for (const group of this.#groups) {
      await this.#drainer(this.#partsOf(`${name} of ${group.name}`), group).look()
      const topic = this.#deadTopics.get(group.name)
      if (topic !== undefined) await readDeadLetters(this.#partsOf(name), group.name, topic)
    }
  }

  #addMember(
    add: (name: string, run: Run) => void,
    { name: group, lockDurationMs, deliveryCountMax }: QueueGroupPlan & { name: string },
    index: number,
    random: SimulatedRandom,
  ): void {
    const terms = {
      recordsMax: random.chance(0.5) ? 3 + random.below(10) : 50,
      maxWaitMs: random.below(200),
      isStrict: random.chance(0.5),
    }
    const pauseMs = random.between(40, 160)
    const habits = drawHabits(random, deliveryCountMax)
    const options = { group, lockDurationMs, pauseMs, terms, habits, leadershipOf: this.#leadershipOf }
    add(`${group} member ${index + 1}`, (parts) => new QueueMember(parts, options).run())
  }

  #drainer(parts: ClientParts, { name: group, lockDurationMs }: QueueGroupPlan & { name: string }): QueueDrainer {
    return new QueueDrainer(parts, { group, lockDurationMs, leadershipOf: this.#leadershipOf })
  }
}

function drawHabits(random: SimulatedRandom, deliveryCountMax: number): QueueHabits {
  // Where one delivery is all there is, a careless member would settle everything by that.
  const share = (most: number): number => (random.chance(0.6) ? random.between(0, most) : 0)
  const carelessness = deliveryCountMax === 1 ? 0.3 : 1
  return {
    release: share(0.4) * carelessness,
    reject: share(0.15),
    oversleep: share(0.15) * carelessness,
    forget: share(0.15) * carelessness,
    renew: share(0.2),
    leave: random.chance(0.3) ? 0.01 : 0,
    alone: random.chance(0.5) ? 0.3 : 1,
  }
}
