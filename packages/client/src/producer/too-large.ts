import { apis } from '@polylog/wire'
import { ClientError, refusal } from '../client-error.ts'
import type { Cluster } from '../cluster.ts'
import { within } from '../waiting.ts'

const brokerResource = 4
const limitName = 'socket.request.max.bytes'
const messageTooLarge = 10
/** What a request has besides one batch: its header, the names of client and topic. */
const frameBytes = 256
/** Smaller requests are within every limit there can be. */
const suspectBytesMin = 64 * 1024 - frameBytes
/** Sending again must not wait long for a broker that is gone. */
const askTimeoutMs = 1000

/**
 * What was wrong with the sending of a batch. Brokers close a connection that announces too large a request without a word,
 * and sending it again would end the same way each time: so the limit is asked for, and is the failure if it explains the
 * loss. Without the right to ask (describe-configs on the cluster) the error stays as it was.
 */
export async function explainedLoss(cluster: Cluster, leader: number, batchBytes: number, error: unknown) {
  const isLoss = error instanceof ClientError && error.code === 'unreachable'
  if (!isLoss || batchBytes < suspectBytesMin) return error
  const late = () => new ClientError('timed-out', `broker ${leader} did not say what it takes`)
  const asking = requestBytesMax(cluster, leader)
  asking.catch(() => undefined)
  try {
    const bytesMax = await within(cluster.environment, asking, askTimeoutMs, late)
    if (bytesMax === undefined || batchBytes + frameBytes <= bytesMax) return error
    const detail = `the batch has ${batchBytes} bytes, a request to broker ${leader} may have ${bytesMax} (${limitName})`
    return refusal(messageTooLarge, 'the message is too large', detail)
  } catch (failure) {
    if (failure instanceof ClientError) return error
    throw failure
  }
}

async function requestBytesMax(cluster: Cluster, id: number): Promise<number | undefined> {
  const answer = await cluster.broker(id, apis[32], {
    resources: [{ resourceType: brokerResource, resourceName: String(id), configurationKeys: [limitName] }],
    includeSynonyms: false,
    includeDocumentation: false,
  })
  const value = answer.results[0]?.configs.find(({ name }) => name === limitName)?.value
  return value === undefined || value === null ? undefined : Number(value)
}
