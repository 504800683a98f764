import type { Clock } from '../host/clock.ts'

/** Something that sends what a turn has gathered. */
export interface Flushable {
  /** True while it waits in the list; owned by {@link TurnEnd}. */
  flushPending: boolean
  flush(): void
}

/** Flushes connections at the end of the event-loop turn, each once, however many answers the turn gave it. */
export class TurnEnd {
  private readonly clock: Clock
  private waiting: Flushable[] = []
  private spare: Flushable[] = []

  constructor(clock: Clock) {
    this.clock = clock
  }

  add(item: Flushable): void {
    if (item.flushPending) return
    item.flushPending = true
    if (this.waiting.push(item) === 1) this.clock.endOfTurn(this.run)
  }

  private readonly run = (): void => {
    const batch = this.waiting
    // What a flush sets in motion is sent at the end of the next turn, so that input gets its chance in between.
    this.waiting = this.spare
    for (const item of batch) {
      item.flushPending = false
      item.flush()
    }
    batch.length = 0
    this.spare = batch
  }
}
