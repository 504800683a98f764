import { apis } from '@polylog/wire'
import { errorTable } from '../../errors/errors.ts'
import type { ErrorCode } from '../../errors/errors.ts'
import { partitionOf } from '../../group/partition-of.ts'
import { offsetsTopicName, shareStateTopicName } from '../../topic/topic-name.ts'
import { findNode } from '../broker-node.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import { noTransactions } from '../no-transactions.ts'
import { mayCluster, mayGroup, mayTransaction } from '../permission.ts'
import type { RequestContext } from '../request-context.ts'

const groupKey = 0
const transactionKey = 1
const sharePartitionKey = 2
/** Group, topic id and partition; a group's name may hold colons. */
const sharePartitionPattern = /^.+:[\w-]{22}:\d{1,10}$/s
/** From this version on a request asks for several keys at once (KIP-699). */
const batchedSince = 4

/** Which broker coordinates a group: the leader of the partition that keeps its offsets. */
export const findCoordinator = defineHandler({
  api: apis[10],

  handle({ key, keyType, coordinatorKeys }, context) {
    if (context.apiVersion < batchedSince) return answer(key, keyType, context)
    return { coordinators: coordinatorKeys.map((each) => answer(each, keyType, context)) }
  },
})

function answer(key: string, keyType: number, context: RequestContext) {
  const { fault, ...found } = locate(key, keyType, context)
  return { key, ...found, errorCode: kafkaErrorCode(fault?.code), errorMessage: fault?.detail ?? null }
}

interface Fault {
  code: ErrorCode
  detail: string
}

interface Located {
  nodeId: number
  host: string
  port: number
  fault: Fault | undefined
}

function locate(key: string, keyType: number, context: RequestContext): Located {
  if (keyType === groupKey) {
    return mayGroup(context, 'describe', key) ? locateGroup(key, context) : nowhere(refusal('group-not-authorized'))
  }
  if (keyType === transactionKey) {
    const isAllowed = mayTransaction(context, 'describe', key)
    return nowhere(isAllowed ? noTransactions : refusal('transactional-id-not-authorized'))
  }
  if (keyType === sharePartitionKey) return locateSharePartition(key, context)
  return nowhere({ code: 'invalid-request', detail: `There are no coordinators of type ${keyType} here.` })
}

function locateGroup(groupId: string, context: RequestContext): Located {
  return locateIn(offsetsTopicName, groupId, context)
}

/** Where the progress of a group on a partition is kept: a matter between brokers. */
function locateSharePartition(key: string, context: RequestContext): Located {
  if (!mayCluster(context, 'cluster-action')) return nowhere(refusal('cluster-not-authorized'))
  if (sharePartitionPattern.test(key)) return locateIn(shareStateTopicName, key, context)
  return nowhere({ code: 'invalid-request', detail: 'The key is not of the form group:topicId:partition.' })
}

/** The leader of the partition of an internal topic that a key hashes to. */
function locateIn(topicName: string, key: string, context: RequestContext): Located {
  const partitions = context.services.topics.find(topicName)?.partitions ?? []
  const state = partitions[partitionOf(key, partitions.length)]
  const node = state === undefined || state.leader === -1 ? undefined : findNode(context, state.leader)
  if (node !== undefined) return { nodeId: node.nodeId, host: node.host, port: node.port, fault: undefined }
  const detail = `The partition of ${topicName} that is responsible has no leader at present.`
  return nowhere({ code: 'coordinator-not-available', detail })
}

function refusal(code: ErrorCode): Fault {
  return { code, detail: errorTable[code].message }
}

function nowhere(fault: Fault): Located {
  return { nodeId: -1, host: '', port: -1, fault }
}
