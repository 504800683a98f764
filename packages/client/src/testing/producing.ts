import { decodeRecords } from '../records/batch.ts'
import type { ReceivedRecord } from '../records/record.ts'
import type { Script } from './fake-broker.ts'

/** Answers Produce and InitProducerId. What is stored is added to `stored`; the first requests are refused with `codes`. */
export function producing(stored: ReceivedRecord[], codes: number[] = []): Script {
  return {
    22: () => ({ errorCode: 0, producerId: 9, producerEpoch: 0 }),
    0: (request) => {
      const { name, partitionData } = request.topicData[0]!
      const { index, records } = partitionData[0]!
      const errorCode = codes.shift() ?? 0
      const batch = decodeRecords(Buffer.from(records!), { topic: name, partition: index }, 0)
      if (errorCode === 0) stored.push(...batch.records)
      return { responses: [{ name, partitionResponses: [{ index, errorCode, baseOffset: errorCode === 0 ? 7 : -1 }] }] }
    },
  }
}
