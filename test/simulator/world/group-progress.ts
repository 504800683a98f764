import type { History } from '../checkers/history.ts'
import type { Catalogue } from '../clients/catalogue.ts'
import { logOf } from '../clients/catalogue.ts'

/** The logs of lasting topics in which the group has not yet committed the end that was acknowledged. */
export function groupsBehind(history: History, catalogue: Catalogue, group: string): string[] {
  const ends = new Map<string, number>()
  for (const { log, outcome, baseOffset, records } of history.sends) {
    if (outcome === 'ok' && baseOffset >= 0) ends.set(log, Math.max(ends.get(log) ?? 0, baseOffset + records.length))
  }
  const committed = new Map<string, number>()
  for (const { log, outcome, offset } of history.commits) {
    if (outcome === 'ok') committed.set(log, Math.max(committed.get(log) ?? 0, offset))
  }
  // A commit whose answer was lost may have counted; the next member to read it knows.
  for (const { log, offset } of history.commitReads) committed.set(log, Math.max(committed.get(log) ?? 0, offset))
  const behind: string[] = []
  for (const { lasting, id, partitionCount } of catalogue.topics) {
    for (let partition = 0; lasting && partition < partitionCount; partition += 1) {
      const log = logOf(id, partition)
      const isRotten = history.logs.get(log)?.rotten === true
      if (!isRotten && (committed.get(log) ?? 0) < (ends.get(log) ?? 0)) behind.push(`${group} in ${log}`)
    }
  }
  return behind
}
