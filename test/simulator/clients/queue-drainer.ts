import { apis } from '@polylog/wire'
import type { QueueProgress } from '../checkers/queues/queue-history.ts'
import type { KnownTopic } from './catalogue.ts'
import { logOf } from './catalogue.ts'
import { askOffset, earliest, latest } from './offsets.ts'
import { QueueMember } from './queue-member.ts'
import type { QueueMemberOptions } from './queue-member.ts'
import { nameOfError } from './session.ts'
import type { ClientParts } from './session.ts'
import { NoMember } from './share-membership.ts'

const idleMs = 200
const lookRounds = 3

/** What a group that is looked at after the end may still be lent, in rounds of fetching. */
const auditRounds = 1

const faultless = { release: 0, reject: 0, oversleep: 0, forget: 0, renew: 0, leave: 0, alone: 0 }

/** A fresh member that takes all that the others have left, and finds out when nothing is. */
export class QueueDrainer extends QueueMember {
  readonly #group: string

  constructor(parts: ClientParts, options: Omit<QueueMemberOptions, 'habits' | 'pauseMs' | 'terms'>) {
    const terms = { recordsMax: 500, maxWaitMs: 120, isStrict: false }
    super(parts, { ...options, habits: faultless, pauseMs: 10, terms })
    this.#group = options.group
  }

  /** Begins when the faults are over; ends when nobody sends any more and the group is drained. */
  async drain(isQuiet: () => boolean): Promise<void> {
    while (!this.parts.isEnding()) await this.session.sleep(idleMs)
    let isDrained = false
    while (!isDrained) {
      let rounds = 0
      await this.work(() => ++rounds <= lookRounds)
      await this.attempt(async () => {
        isDrained = isQuiet() && (await this.#findDrained())
      })
    }
    await this.attempt(() => this.leave())
    await this.session.close()
  }

  /** Looks whether a drained group stays so: what it may still get is in the history then. */
  async look(): Promise<void> {
    let rounds = 0
    while (rounds < auditRounds) {
      await this.attempt(async () => {
        await this.round()
        // Members that are gone without a word keep a part of the logs for a while.
        if (this.membership.hasAll) rounds += 1
      })
    }
    for (let isTold = false; !isTold; ) {
      await this.attempt(async () => {
        const found = await this.#progress()
        isTold = found.length === this.#logs().length
        if (isTold) this.parts.recorder.history.queues.progress.push(...found)
        else await this.session.sleep(idleMs)
      })
    }
    await this.attempt(() => this.leave())
    await this.session.close()
  }

  #logs(): { topic: KnownTopic; partition: number; log: string }[] {
    const { logs } = this.parts.recorder.history
    return this.membership.topics
      .flatMap((topic) =>
        Array.from({ length: topic.partitionCount }, (_, partition) => ({
          topic,
          partition,
          log: logOf(topic.id, partition),
        })),
      )
      .filter(({ log }) => logs.get(log)?.rotten !== true)
  }

  async #findDrained(): Promise<boolean> {
    const found = await this.#progress()
    if (found.length < this.#logs().length) return false
    const { progress, drained } = this.parts.recorder.history.queues
    progress.push(...found)
    drained.push(this.#group)
    return true
  }

  /** Of the logs in which nothing is left to do; others are left out. */
  async #progress(): Promise<QueueProgress[]> {
    const coordinator = await this.membership.coordinator()
    const { recorder } = this.parts
    const begin = recorder.tick()
    const { groups } = await coordinator.exchange(
      apis[90],
      1,
      { groups: [{ groupId: this.#group, topics: null }] },
      5000,
    )
    const end = recorder.tick()
    const { errorCode, topics } = groups[0]!
    if (errorCode !== 0) throw new NoMember(nameOfError(errorCode))
    const starts = new Map(
      topics.flatMap(({ topicId, partitions }) =>
        partitions.map((each): [string, number] => [
          logOf(topicId, each.partitionIndex),
          each.errorCode === 0 ? each.startOffset : -1,
        ]),
      ),
    )
    const done: QueueProgress[] = []
    for (const { topic, partition, log } of this.#logs()) {
      const endOffset = await askOffset(this.session, topic, partition, latest)
      const logStart = await askOffset(this.session, topic, partition, earliest)
      const startOffset = starts.get(log) ?? -1
      if (endOffset === undefined || logStart === undefined) return done
      if (Math.max(startOffset, logStart) < endOffset) return done
      done.push({ begin, end, group: this.#group, log, startOffset, endOffset })
    }
    return done
  }
}
