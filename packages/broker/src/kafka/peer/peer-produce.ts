import { apis } from '@polylog/wire'
import { BrokerError } from '../../errors/errors.ts'
import type { LiveBroker } from '../../image/records.ts'
import { errorCodeOf } from '../error-codes.ts'
import type { PeerCalls } from './peer-calls.ts'

/** The version that names topics by their id. */
const produceVersion = 13
const timeoutMs = 5000

/** Appends a batch to a partition that another broker leads; resolves once it is committed. @throws BrokerError */
export async function peerProduce(
  calls: PeerCalls,
  broker: LiveBroker,
  { topicId, index }: { readonly topicId: string; readonly index: number },
  batch: Uint8Array,
): Promise<void> {
  const { responses } = await calls.call(broker, apis[0], produceVersion, {
    acks: -1,
    timeoutMs,
    topicData: [{ topicId, partitionData: [{ index, records: batch }] }],
  })
  const result = responses[0]?.partitionResponses[0]
  if (result === undefined) throw new BrokerError('broker-unreachable', `Broker ${broker.id} answered nothing.`)
  const code = errorCodeOf(result.errorCode)
  if (code !== undefined) throw new BrokerError(code, result.errorMessage ?? undefined)
}
