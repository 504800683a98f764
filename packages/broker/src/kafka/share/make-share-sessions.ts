import { kafkaLimits } from '../kafka-config.ts'
import type { KafkaDependencies } from '../services.ts'
import { ShareSessions } from './share-sessions.ts'

/** Sessions whose members lose what they hold when their connections end. */
export function makeShareSessions({ config, queues, logger }: KafkaDependencies): ShareSessions {
  const limits = {
    sessionCountMax: config.shareSessionCountMax,
    entryCountMax: kafkaLimits.shareSessionPartitionCountMax,
  }
  return new ShareSessions(limits, (groupId, memberId) => {
    queues.releaseMember(groupId, memberId, { isAttempt: true }).catch((error: unknown) => {
      logger.warn('messages of a lost member stay locked for now', { groupId, memberId, error: String(error) })
    })
  })
}
