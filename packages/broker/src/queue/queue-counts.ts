/** Messages to which something has happened since the start. */
export interface QueueCounts {
  acquired: number
  /** Acquired for the second time or later. */
  redelivered: number
  accepted: number
  /** Given up, whether dead-lettered or not. */
  archived: number
  lockExpiries: number
  /** Settled without delivery because the group's filter does not let them through. */
  filtered: number
  /** Too old before anybody could have them. */
  expired: number
  deadLettered: number
}

export function noCounts(): QueueCounts {
  return {
    acquired: 0,
    redelivered: 0,
    accepted: 0,
    archived: 0,
    lockExpiries: 0,
    filtered: 0,
    expired: 0,
    deadLettered: 0,
  }
}
