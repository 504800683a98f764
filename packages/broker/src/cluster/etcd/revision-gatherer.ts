import type { WatchEvent } from '../metadata-store.ts'

export interface Revision {
  readonly revision: number
  readonly events: WatchEvent[]
}

/**
 * Makes whole revisions, ascending, each once, of what the streams of a watch bring. etcd may tell a revision again after
 * a partition (issue 15271) or before the one asked for (20221): those are left out. It cuts long answers into fragments,
 * so the last revision of one is complete only with the next.
 */
export class RevisionGatherer {
  #revisionNext: number
  #incomplete: Revision | undefined

  constructor(fromRevision: number) {
    this.#revisionNext = fromRevision
  }

  /** The first revision that has not been told. A new stream starts there. */
  get revisionNext(): number {
    return this.#revisionNext
  }

  /** @returns the revisions that are complete now; @param isFragment whether the next answer continues this one */
  add(events: readonly WatchEvent[], isFragment: boolean): Revision[] {
    const complete: Revision[] = []
    for (const event of events) {
      const revision = revisionOf(event)
      if (this.#incomplete !== undefined && revision > this.#incomplete.revision) this.#finish(complete)
      if (revision < (this.#incomplete?.revision ?? this.#revisionNext)) continue
      this.#incomplete ??= { revision, events: [] }
      this.#incomplete.events.push(event)
    }
    if (!isFragment) this.#finish(complete)
    return complete
  }

  /** Says that all up to `revision` has been told. */
  passed(revision: number): void {
    if (this.#incomplete === undefined) this.#revisionNext = Math.max(this.#revisionNext, revision + 1)
  }

  /** The stream is over; what was incomplete comes again, whole, on the next. */
  cut(): void {
    this.#incomplete = undefined
  }

  #finish(complete: Revision[]): void {
    if (this.#incomplete === undefined) return
    complete.push(this.#incomplete)
    this.#revisionNext = this.#incomplete.revision + 1
    this.#incomplete = undefined
  }
}

export function revisionOf(event: WatchEvent): number {
  return event.kind === 'put' ? event.keyValue.modRevision : event.modRevision
}

export function keyOf(event: WatchEvent): string {
  return event.kind === 'put' ? event.keyValue.key : event.key
}
