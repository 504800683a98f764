import type { Commit, CommitRead, Finding, History } from './history.ts'

/**
 * lost-commit: a committed offset was read that some later commit had overwritten, or that nobody committed.
 * double-assignment: two members of one generation were given the same log.
 */
export function checkGroups(history: History, findings: Finding[]): void {
  const commits = Map.groupBy(history.commits, ({ group, log }) => `${group} ${log}`)
  for (const read of history.commitReads) {
    const key = `${read.group} ${read.log}`
    checkCommitRead(key, read, commits.get(key) ?? [], findings)
  }
  const owners = new Map<string, string>()
  for (const { group, generation, member, logs } of history.assignments) {
    for (const log of logs) {
      const key = `${group} generation ${generation} ${log}`
      const owner = owners.get(key)
      owners.set(key, member)
      if (owner !== undefined && owner !== member) {
        findings.push({ kind: 'double-assignment', where: key, detail: `${owner} and ${member}` })
      }
    }
  }
}

/** A register: a read may give any write that began before the read's end and was not surely overwritten by then. */
function checkCommitRead(where: string, read: CommitRead, commits: readonly Commit[], findings: Finding[]): void {
  const lastSure = commits.reduce(
    (latest, commit) => (commit.outcome === 'ok' && commit.end < read.begin ? Math.max(latest, commit.begin) : latest),
    -1,
  )
  const isPossible = ({ begin, end, outcome, offset }: Commit): boolean => {
    const lastsUntil = outcome === 'ok' ? end : Infinity
    return offset === read.offset && outcome !== 'failed' && begin < read.end && lastsUntil >= lastSure
  }
  const isNone = read.offset === -1 && lastSure === -1
  if (isNone || commits.some(isPossible)) return
  const newest = commits.filter(({ outcome, end }) => outcome === 'ok' && end < read.begin).map(({ offset }) => offset)
  const detail = `offset ${read.offset} was read; acknowledged before: ${newest.slice(-3).join(', ') || 'nothing'}`
  findings.push({ kind: 'lost-commit', where, detail })
}
