import assert from 'node:assert/strict'
import { MetadataError } from '../../packages/broker/src/cluster/metadata-error.ts'
import type { MetadataErrorKind } from '../../packages/broker/src/cluster/metadata-error.ts'
import type {
  LeaseId,
  MetadataStore,
  Operation,
  WatchEvent,
  WatchOutcome,
} from '../../packages/broker/src/cluster/metadata-store.ts'

/** A store to be tested. Nobody else writes to it meanwhile, but it may hold keys and have a past. */
export interface MetadataStoreUnderTest {
  readonly store: MetadataStore
  /** Forgets the history before `revision` (etcd: the Compact call). */
  compact(revision: number): Promise<void>
  /** Lets at least this much time pass: virtually, or by waiting. */
  passTime(durationMs: number): Promise<void>
  /** Closes the store and cleans up. */
  dispose(): Promise<void>
}

let fixtureCount = 0

/** The store of the present test, and a prefix that no other test uses. */
export class Fixture {
  #subject: MetadataStoreUnderTest | undefined
  #root = ''

  use(subject: MetadataStoreUnderTest): void {
    fixtureCount++
    this.#subject = subject
    this.#root = `/contract/${process.pid}/${fixtureCount}/`
  }

  get subject(): MetadataStoreUnderTest {
    assert.ok(this.#subject)
    return this.#subject
  }

  get store(): MetadataStore {
    return this.subject.store
  }

  get root(): string {
    return this.#root
  }

  key(suffix: string): string {
    return this.#root + suffix
  }

  put(suffix: string, value = 'value', lease?: LeaseId): Operation {
    const key = this.key(suffix)
    return lease === undefined ? { kind: 'put', key, value } : { kind: 'put', key, value, lease }
  }

  /** Makes the operations in one transaction. Returns the revision after it. */
  async write(...operations: Operation[]): Promise<number> {
    return (await this.store.transaction({ then: operations })).revision
  }

  suffixesOf(keyValues: readonly { key: string }[]): string[] {
    return keyValues.map(({ key }) => key.slice(this.#root.length))
  }

  /** An event in short: 'key=value' or '-key@revision'. */
  summaryOf(event: WatchEvent): string {
    if (event.kind === 'delete') return `-${event.key.slice(this.#root.length)}@${event.modRevision}`
    return `${event.keyValue.key.slice(this.#root.length)}=${event.keyValue.value}`
  }
}

/** Collects what a watch says and lets a test wait for it. */
export class Outcomes {
  readonly all: WatchOutcome[] = []
  readonly #waiting: { holds: () => boolean; resolve: () => void }[] = []

  readonly listener = (outcome: WatchOutcome): void => {
    this.all.push(outcome)
    for (const { holds, resolve } of this.#waiting) if (holds()) resolve()
  }

  reached(revision: number): Promise<void> {
    return this.#until(() => this.all.some((outcome) => outcome.kind === 'changes' && outcome.revision >= revision))
  }

  /** Waits for the outcome after which nothing comes. */
  ended(): Promise<void> {
    return this.#until(() => this.all.some(({ kind }) => kind !== 'changes'))
  }

  async first(): Promise<WatchOutcome> {
    await this.#until(() => this.all.length > 0)
    return this.all[0]!
  }

  #until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      if (holds()) resolve()
      else this.#waiting.push({ holds, resolve })
    })
  }
}

/** Asserts how a promise is rejected. */
export async function rejects(kind: MetadataErrorKind, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof MetadataError, String(error))
    assert.equal(error.kind, kind, error.message)
    return true
  })
}
