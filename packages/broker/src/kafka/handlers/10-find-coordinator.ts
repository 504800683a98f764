import type { ErrorCode } from '../../errors/errors.ts'
import { apis } from '@polylog/wire'
import { ownAddress } from '../broker-node.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import { noTransactions } from '../no-transactions.ts'
import type { RequestContext } from '../request-context.ts'

const groupKey = 0
const transactionKey = 1
/** From this version on a request asks for several keys at once (KIP-699). */
const batchedSince = 4

/** Which broker coordinates a group: this one, from the first moment on, so that no group has to wait. */
export const findCoordinator = defineHandler({
  api: apis[10],

  handle({ key, keyType, coordinatorKeys }, context) {
    const { fault, ...found } = locate(keyType, context)
    const errorCode = kafkaErrorCode(fault?.code)
    const errorMessage = fault?.detail ?? null
    if (context.apiVersion < batchedSince) return { ...found, key, errorCode, errorMessage }
    return { coordinators: coordinatorKeys.map((each) => ({ key: each, ...found, errorCode, errorMessage })) }
  },
})

interface Located {
  nodeId: number
  host: string
  port: number
  fault: { code: ErrorCode; detail: string } | undefined
}

function locate(keyType: number, context: RequestContext): Located {
  if (keyType === groupKey) {
    const { host, port } = ownAddress(context)
    return { nodeId: context.services.config.brokerId, host, port, fault: undefined }
  }
  const detail = `There are no coordinators of type ${keyType} here.`
  const fault = keyType === transactionKey ? noTransactions : { code: 'invalid-request' as const, detail }
  return { nodeId: -1, host: '', port: -1, fault }
}
