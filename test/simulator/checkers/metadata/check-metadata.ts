import type { Finding } from '../history.ts'
import { stepsByKey } from './key-steps.ts'
import type { MetadataHistory } from './metadata-history.ts'
import { search } from './register-search.ts'
import { checkForks, checkRevisions, checkWatches } from './revisions.ts'

/** Nodes that the search for one key may look at; clean runs need about as many as the key has operations. */
const workMaxDefault = 20_000

export interface MetadataCheck {
  findings: Finding[]
  keyCount: number
  /** Keys whose search was given up: nothing is known of them. */
  undecided: string[]
}

/**
 * What must not be in a history of a metadata store. metadata-linearizability: the operations on a key can be put into no
 * order in which each sees what those before it left (by key: what holds between keys is that all revisions have one
 * order, which is checked as well). The other kinds: revisions.ts.
 */
export function checkMetadata(history: MetadataHistory, workMax = workMaxDefault): MetadataCheck {
  const findings: Finding[] = []
  checkRevisions(history, findings)
  checkForks(history, findings)
  checkWatches(history, findings)
  const undecided: string[] = []
  const steps = stepsByKey(history.operations)
  for (const [key, list] of steps) {
    const verdict = search(list, workMax)
    if (verdict.kind === 'undecided') undecided.push(key)
    if (verdict.kind !== 'wrong') continue
    const detail = `no order fits; stuck at ${JSON.stringify(verdict.stuckAt)}`
    findings.push({ kind: 'metadata-linearizability', where: key, detail: detail.slice(0, 1000) })
  }
  return { findings, keyCount: steps.size, undecided }
}
