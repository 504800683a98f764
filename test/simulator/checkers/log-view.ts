import type { Deletion, FinalRead, History, LogFacts, Poll, Send, TopicDeletion } from './history.ts'
import { topicOf } from './history.ts'

/** All that a history says about one log. */
export interface LogView {
  log: string
  facts: LogFacts
  sends: Send[]
  polls: Poll[]
  deletions: Deletion[]
  topicDeletions: TopicDeletion[]
  finalReads: FinalRead[]
}

export function logViews(history: History): LogView[] {
  const views = new Map<string, LogView>()
  for (const [log, facts] of history.logs) {
    const topicDeletions = history.topicDeletions.filter(({ topicId }) => topicId === topicOf(log))
    views.set(log, { log, facts, sends: [], polls: [], deletions: [], topicDeletions, finalReads: [] })
  }
  const view = (log: string): LogView => {
    const found = views.get(log)
    if (found === undefined) throw new Error(`the history has no facts of ${log}`)
    return found
  }
  for (const send of history.sends) view(send.log).sends.push(send)
  for (const poll of history.polls) view(poll.log).polls.push(poll)
  for (const deletion of history.deletions) view(deletion.log).deletions.push(deletion)
  for (const read of history.finalReads) view(read.log).finalReads.push(read)
  return [...views.values()]
}
