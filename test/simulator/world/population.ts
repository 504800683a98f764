import { Admin } from '../clients/admin.ts'
import { Auditor } from '../clients/auditor.ts'
import { Catalogue } from '../clients/catalogue.ts'
import { GroupMember } from '../clients/group-member.ts'
import { Producer } from '../clients/producer.ts'
import { Reader } from '../clients/reader.ts'
import type { ClientParts } from '../clients/session.ts'
import { kafkaPort } from './broker-machine.ts'
import { groupsBehind } from './group-progress.ts'
import type { PopulationOptions } from './population-options.ts'
import { QueuePopulation } from './queue-population.ts'

interface Client {
  name: string
  /** Starts a new process of it. */
  run: (parts: ClientParts) => Promise<void>
  /** Group members run for ever; what they have to reach is looked at from outside. */
  endless: boolean
  done: boolean
  /** Process number; the one before is dead. */
  life: number
}

const group = 'readers'

/** All clients of a run, each on a machine of its own. */
export class Population {
  readonly #options: PopulationOptions
  readonly #catalogue: Catalogue
  readonly #clients: Client[] = []
  readonly #queues: QueuePopulation
  #prepared = false

  constructor(options: PopulationOptions) {
    this.#options = options
    this.#catalogue = new Catalogue(options.recorder.history, options.plan.brokerCount > 1)
    const { plan } = options
    const admin = {
      pauseMs: plan.adminPauseMs,
      topicCountMax: plan.topics + 3,
      minInsyncReplicas: plan.minInsyncReplicas,
      may: plan.admin,
    }
    const parts = this.#parts('founder', 1)
    this.#queues = new QueuePopulation(options, (name) => this.#parts(name, 1))
    const prepare = async (): Promise<void> => {
      await new Admin(parts, admin).prepare(plan.topics)
      await this.#queues.prepare()
    }
    this.#guard('founder', prepare(), () => (this.#prepared = true))
    this.#add('admin', (each) => new Admin(each, admin).run())
    this.#addProducers()
    this.#addConsumers()
    this.#queues.addTo(
      (name, run) => this.#add(name, run, true),
      () => this.#areSendersDone,
    )
  }

  get isPrepared(): boolean {
    return this.#prepared
  }

  get names(): readonly string[] {
    return this.#clients.map(({ name }) => name)
  }

  /** Who has not come to an end yet. */
  get unfinished(): string[] {
    const { plan, recorder } = this.#options
    const clients = this.#clients.filter(({ endless, done }) => !endless && !done).map(({ name }) => name)
    if (clients.length > 0) return clients
    const behind = plan.groupMembers === 0 ? [] : groupsBehind(recorder.history, this.#catalogue, group)
    return [...behind, ...this.#queues.undrained]
  }

  get #areSendersDone(): boolean {
    return this.#options.isEnding() && this.#clients.every(({ endless, done }) => endless || done)
  }

  start(): void {
    for (const client of this.#clients) this.#begin(client)
  }

  /** The process of a client dies without a word, and another takes its place a while later. */
  kill(name: string): void {
    const client = this.#clients.find((candidate) => candidate.name === name)
    if (client === undefined || client.done) return
    const { world, isEnding } = this.#options
    client.life += 1
    client.done = true
    world.node(name).killProcess()
    const delayMs = world.scheduler.random.between(0, 8000)
    world.scheduler.schedule(delayMs, `${name} again`, () => {
      if (!isEnding() || client.endless) this.#begin(client)
    })
  }

  /** Ends all clients, so that nothing is written any more. */
  silence(): void {
    for (const client of this.#clients) {
      client.life += 1
      client.done = true
      this.#options.world.node(client.name).killProcess()
    }
  }

  audit(name: string, done: () => void): void {
    const parts = this.#parts(name, 1)
    const run = async (): Promise<void> => {
      await new Auditor(parts).run()
      await this.#queues.audit(name)
    }
    this.#guard(name, run(), done)
  }

  #addProducers(): void {
    const { plan, world } = this.#options
    const random = world.scheduler.random.stream('producers')
    const common = {
      recordBytesMax: plan.recordBytesMax,
      largeShare: plan.largeShare,
      compression: plan.compression,
      mayHearLate: plan.brokerCount > 1,
      hasTags: plan.queueGroups.length > 0,
    }
    for (let index = 0; index < plan.idempotentProducers + plan.plainProducers; index += 1) {
      const idempotent = index < plan.idempotentProducers
      const options = {
        ...common,
        idempotent,
        // What one of several brokers alone has acknowledged may be lost with it.
        acks: idempotent || plan.brokerCount > 1 || random.chance(0.5) ? (-1 as const) : (1 as const),
        windowMax: idempotent ? plan.windowMax : 1,
        pauseMs: random.between(20, 300),
        recordsPerBatchMax: 1 + random.below(6),
        timeoutMs: random.chance(0.5) ? 1000 : 5000,
      }
      this.#add(`${idempotent ? 'idempotent' : 'plain'}-${index + 1}`, (parts) => new Producer(parts, options).run())
    }
  }

  #addConsumers(): void {
    const { plan, world } = this.#options
    const random = world.scheduler.random.stream('consumers')
    for (let index = 0; index < plan.readers; index += 1) {
      const options = {
        sessions: random.chance(0.6),
        maxWaitMs: random.below(500),
        minBytes: random.below(2000),
        partitionBytesMax: random.chance(0.3) ? 500 : 50_000,
        pauseMs: random.between(20, 300),
        rewindShare: random.chance(0.6) ? 0.02 : 0,
      }
      this.#add(`reader-${index + 1}`, (parts) => new Reader(parts, options).run())
    }
    for (let index = 0; index < plan.groupMembers; index += 1) {
      const leaveShare = random.chance(0.5) ? 0.005 : 0
      const options = { group, pauseMs: random.between(20, 150), partitionBytesMax: 50_000, leaveShare }
      this.#add(`member-${index + 1}`, (parts) => new GroupMember(parts, options).run(), true)
    }
  }

  #add(name: string, run: (parts: ClientParts) => Promise<void>, endless = false): void {
    this.#clients.push({ name, run, endless, done: false, life: 1 })
  }

  #begin(client: Client): void {
    const { life } = client
    client.done = false
    this.#guard(client.name, client.run(this.#parts(client.name, life)), () => {
      if (client.life === life) client.done = true
    })
  }

  /** A client that ends with an error is a fault of the test, or has seen what no broker may do. */
  #guard(name: string, running: Promise<void>, done: () => void): void {
    running.then(done, (error: unknown) => this.#options.crashed(name, error))
  }

  #parts(name: string, life: number): ClientParts {
    const { world, brokers, recorder, isEnding } = this.#options
    const who = `${name}-${life}`
    return {
      name: who,
      host: world.node(name).host,
      bootstrap: brokers.map((broker) => ({ host: broker.name, port: kafkaPort })),
      random: world.scheduler.random.stream(`client ${who}`),
      recorder,
      catalogue: this.#catalogue,
      isEnding,
    }
  }
}
