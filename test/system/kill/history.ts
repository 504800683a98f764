/** Where the broker said, in an answer to a producer, that a record is. */
export interface Acknowledged {
  value: string
  partition: number
  offset: number
}

/** A record as some reader was given it. */
export interface Read {
  key: string
  value: string
  partition: number
  offset: number
}

/**
 * What happened to one topic, as its clients saw it. Values are unique and end with the number of the record within
 * its key (`…#17`); whoever writes a key sends the next number only after the one before was acknowledged or given up.
 */
export interface History {
  /** Errors that ended a send for good. */
  refusals: readonly string[]
  acknowledged: readonly Acknowledged[]
  /** All that was read while the broker was killed, in order of arrival per reader. */
  readWhile: readonly Read[]
  /** The whole topic, read after the last restart, each partition in order of offsets. */
  readAfter: readonly Read[]
  /** Committed offset of each partition, looked at after each start, in order of time. */
  committed: readonly ReadonlyMap<number, number>[]
}

const placeOf = ({ partition, offset }: { partition: number; offset: number }): string => `${partition}:${offset}`
const numberOf = (value: string): number => Number(value.slice(value.lastIndexOf('#') + 1))

/** Everything that no broker may do which says what it has stored. Empty if it did none of it. */
export function findAnomalies(history: History): string[] {
  const refused = history.refusals.map((refusal) => `refused: ${refusal}`)
  return [refused, lost(history), duplicated(history), changed(history), disordered(history), backwards(history)].flat()
}

function lost({ acknowledged, readAfter }: History): string[] {
  const stored = new Map(readAfter.map((record) => [placeOf(record), record.value]))
  return acknowledged.flatMap((record) => {
    const value = stored.get(placeOf(record))
    if (value === record.value) return []
    return [`lost: ${record.value} was acknowledged at ${placeOf(record)}, where there is ${value ?? 'nothing'}`]
  })
}

function duplicated({ readAfter }: History): string[] {
  const places = Map.groupBy(readAfter, ({ value }) => value)
  return [...places].flatMap(([value, records]) =>
    records.length === 1 ? [] : [`duplicate: ${value} at ${records.map(placeOf).join(' and ')}`],
  )
}

/** An offset never changes content: what a reader was once given stays there. */
function changed({ readWhile, readAfter }: History): string[] {
  const stored = new Map(readAfter.map((record) => [placeOf(record), record.value]))
  const seen = new Map<string, string>()
  for (const record of readWhile) seen.set(`${placeOf(record)} ${record.value}`, placeOf(record))
  return [...seen].flatMap(([read, place]) => {
    const now = stored.get(place)
    return `${place} ${now}` === read ? [] : [`changed: a reader was given ${read}, now there is ${now ?? 'nothing'}`]
  })
}

/** Records of a key are in one partition, in the order of sending, without a gap before the last that was acknowledged. */
function disordered({ readAfter }: History): string[] {
  const found: string[] = []
  const last = new Map<string, Read>()
  for (const record of readAfter) {
    const before = last.get(record.key)
    last.set(record.key, record)
    if (before === undefined) continue
    if (before.partition !== record.partition) found.push(`order: ${record.key} is in two partitions`)
    else if (numberOf(record.value) <= numberOf(before.value)) {
      found.push(`order: ${record.value} at ${placeOf(record)} lies behind ${before.value} at ${placeOf(before)}`)
    }
  }
  return found
}

function backwards({ committed }: History): string[] {
  const found: string[] = []
  for (const [at, now] of committed.entries()) {
    for (const [partition, before] of committed[at - 1] ?? []) {
      const offset = now.get(partition)
      if (offset === undefined || offset < before) {
        found.push(`commit: partition ${partition} went from ${before} to ${offset ?? 'nothing'} over kill ${at}`)
      }
    }
  }
  return found
}
