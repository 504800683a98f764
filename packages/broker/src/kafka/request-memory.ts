import type { Flushable, TurnEnd } from './turn-end.ts'

/** Counts the bytes of all requests being served, of all connections, and wakes connections that wait for room. */
export class RequestMemory {
  private readonly bytesMax: number
  private readonly turnEnd: TurnEnd
  private readonly waiting = new Set<Flushable>()
  private bytes = 0

  constructor(bytesMax: number, turnEnd: TurnEnd) {
    this.bytesMax = bytesMax
    this.turnEnd = turnEnd
  }

  take(bytes: number): void {
    this.bytes += bytes
  }

  give(bytes: number): void {
    this.bytes -= bytes
    if (this.waiting.size === 0 || this.bytes >= this.bytesMax) return
    for (const connection of this.waiting) this.turnEnd.add(connection)
    this.waiting.clear()
  }

  /** True if another request may be taken; else `connection` is flushed, and so asks again, once there is room. */
  hasRoomFor(connection: Flushable): boolean {
    if (this.bytes < this.bytesMax) return true
    this.waiting.add(connection)
    return false
  }

  forget(connection: Flushable): void {
    this.waiting.delete(connection)
  }
}
