import type { BrokerSettings } from './config/broker-table.ts'
import { GroupLeadership } from './group-leadership.ts'
import { GroupCoordinator } from './group/coordinator.ts'
import { PartitionGroupLog } from './group/partition-group-log.ts'
import { SharedReplay } from './group/shared-replay.ts'
import type { Host } from './host/host.ts'
import type { ShareGroupTimes } from './queue/share-groups/context.ts'
import { ShareGroups } from './queue/share-groups/share-groups.ts'
import type { ReplicaManager } from './replica/replica-manager.ts'
import type { Logger } from './telemetry/logger.ts'
import type { Topics } from './topic/topics.ts'
import { offsetsTopicName } from './topic/topic-name.ts'

export interface BrokerGroupsParts {
  readonly settings: BrokerSettings
  readonly host: Host
  readonly logger: Logger
  readonly topics: Topics
  readonly replicas: Pick<ReplicaManager, 'onLeadership'>
  /** Of each share group, as configured. */
  readonly shareTimesOf: (groupId: string) => ShareGroupTimes
}

/** The groups of all kinds that this broker coordinates. They live in one log, and a name is of one kind only. */
export class BrokerGroups {
  readonly classic: GroupCoordinator
  readonly shared: ShareGroups
  readonly leadership: GroupLeadership

  constructor({ settings, host, logger, topics, replicas, shareTimesOf }: BrokerGroupsParts) {
    const { clock, random } = host
    const log = new SharedReplay(new PartitionGroupLog(topics, offsetsTopicName, settings.offsetsPartitionCount))
    this.classic = new GroupCoordinator({
      log,
      clock,
      random,
      logger,
      topics,
      isTaken: (groupId) => this.shared.has(groupId),
      config: {
        initialRebalanceDelayMs: settings.groupInitialRebalanceDelayMs,
        sessionTimeoutMsMin: settings.groupSessionTimeoutMsMin,
        sessionTimeoutMsMax: settings.groupSessionTimeoutMsMax,
        groupSizeMax: settings.groupMemberCountMax,
        offsetMetadataBytesMax: settings.offsetMetadataBytesMax,
        offsetsCommitTimeoutMs: settings.offsetsCommitTimeoutMs,
        offsetsRetentionMs: settings.offsetsRetentionMinutes * 60_000,
        offsetsRetentionCheckIntervalMs: settings.offsetsRetentionCheckIntervalMs,
      },
    })
    this.shared = new ShareGroups({
      log,
      clock,
      logger,
      topics,
      timesOf: shareTimesOf,
      isTaken: (groupId) => this.classic.has(groupId),
      limits: { memberCountMax: settings.shareGroupMemberCountMax },
    })
    this.leadership = new GroupLeadership({
      replicas,
      groups: {
        // Asked for in one turn, so that the log is read once for both.
        load: async (partition) => {
          await Promise.all([this.classic.load(partition), this.shared.load(partition)])
        },
        unload: (partition) => {
          this.classic.unload(partition)
          this.shared.unload(partition)
        },
      },
      topics,
      topicName: offsetsTopicName,
      clock,
      logger,
    })
  }

  /** Sends all clients elsewhere and resolves when no write is under way. */
  async stop(): Promise<void> {
    await Promise.all([this.classic.stop(), this.shared.stop()])
  }
}
