import type { History } from '../checkers/history.ts'

export interface KnownTopic {
  name: string
  id: string
  partitionCount: number
  cleanup: 'none' | 'delete' | 'compact'
  /** Groups read it, and nobody deletes it. */
  lasting: boolean
}

/** The topics that exist as far as the test knows. The admin client keeps it; the others look things up. */
export class Catalogue {
  readonly topics: KnownTopic[] = []
  readonly #history: History
  readonly #isReplicated: boolean

  constructor(history: History, isReplicated: boolean) {
    this.#history = history
    this.#isReplicated = isReplicated
  }

  add(topic: KnownTopic): void {
    this.topics.push(topic)
    this.#register(topic)
  }

  grow(topic: KnownTopic, partitionCount: number): void {
    topic.partitionCount = Math.max(topic.partitionCount, partitionCount)
    this.#register(topic)
  }

  remove(topic: KnownTopic): void {
    this.topics.splice(this.topics.indexOf(topic), 1)
  }

  #register({ id, partitionCount, cleanup }: KnownTopic): void {
    for (let partition = 0; partition < partitionCount; partition += 1) {
      const log = logOf(id, partition)
      if (!this.#history.logs.has(log))
        this.#history.logs.set(log, { cleanup, rotten: false, replicated: this.#isReplicated })
    }
  }
}

export function logOf(topicId: string, partition: number): string {
  return `${topicId}/${partition}`
}
