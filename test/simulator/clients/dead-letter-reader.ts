import { decodeRecords } from '../../../packages/client/src/records/batch.ts'
import type { ReceivedRecord } from '../../../packages/client/src/records/record.ts'
import type { DeadLetter, DeadRead } from '../checkers/queues/queue-history.ts'
import { failureCountMax } from './auditor.ts'
import type { KnownTopic } from './catalogue.ts'
import { logOf } from './catalogue.ts'
import { seenOf } from './record-values.ts'
import { Session } from './session.ts'
import type { ClientParts } from './session.ts'
import { fetchOnce, readWhole } from './whole-log.ts'

/** Reads the dead letters of a group, when nothing else happens any more. */
export async function readDeadLetters(parts: ClientParts, group: string, topic: KnownTopic): Promise<void> {
  const session = new Session(parts)
  const read: DeadRead = { group, letters: [], complete: true }
  for (let partition = 0; partition < topic.partitionCount; partition += 1) {
    const { complete } = await readWhole(session, topic, partition, failureCountMax, async (from) => {
      const found = await fetchOnce(session, topic, partition, from)
      if (found === undefined) return undefined
      const bytes = found.records ?? Buffer.alloc(0)
      const { records, nextOffset } = decodeRecords(bytes, { topic: topic.name, partition }, from)
      read.letters.push(...records.map((record) => letterOf(record, parts)))
      return nextOffset
    })
    read.complete &&= complete
  }
  parts.recorder.history.queues.deadReads.push(read)
  await session.close()
}

function letterOf(record: ReceivedRecord, { catalogue }: ClientParts): DeadLetter {
  const header = (name: string): string =>
    record.headers.findLast(({ key }) => key === `polylog.dead.${name}`)?.value?.toString() ?? ''
  const source = catalogue.topics.find(({ name, lasting }) => lasting && name === header('topic'))
  return {
    group: header('group'),
    log: logOf(source?.id ?? header('topic'), Number(header('partition'))),
    offset: Number(header('offset')),
    reason: header('reason'),
    deliveryCount: Number(header('deliveries')),
    value: seenOf(record).value,
  }
}
