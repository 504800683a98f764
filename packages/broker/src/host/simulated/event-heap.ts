/** A thing that will happen at a moment of virtual time. */
export interface HeapEvent {
  readonly atMs: number
  /** Random order among events of the same moment. */
  readonly tie: number
  /** Order of making; decides when `tie` is the same as well. */
  readonly sequence: number
}

/** A binary heap: the event that happens next comes out first. */
export class EventHeap<Event extends HeapEvent> {
  #events: Event[] = []

  get size(): number {
    return this.#events.length
  }

  peek(): Event | undefined {
    return this.#events[0]
  }

  push(event: Event): void {
    const events = this.#events
    let index = events.length
    events.push(event)
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!isBefore(event, events[parent]!)) break
      events[index] = events[parent]!
      index = parent
    }
    events[index] = event
  }

  pop(): Event | undefined {
    const events = this.#events
    const first = events[0]
    const last = events.pop()
    if (first === undefined || last === undefined || events.length === 0) return first
    this.#sink(last, 0)
    return first
  }

  /** Drops all events that `keep` does not want. */
  filter(keep: (event: Event) => boolean): void {
    this.#events = this.#events.filter(keep)
    for (let index = (this.#events.length >> 1) - 1; index >= 0; index -= 1) this.#sink(this.#events[index]!, index)
  }

  #sink(event: Event, index: number): void {
    const events = this.#events
    for (;;) {
      let child = 2 * index + 1
      if (child >= events.length) break
      if (child + 1 < events.length && isBefore(events[child + 1]!, events[child]!)) child += 1
      if (!isBefore(events[child]!, event)) break
      events[index] = events[child]!
      index = child
    }
    events[index] = event
  }
}

function isBefore(one: HeapEvent, other: HeapEvent): boolean {
  if (one.atMs !== other.atMs) return one.atMs < other.atMs
  if (one.tie !== other.tie) return one.tie < other.tie
  return one.sequence < other.sequence
}
