import { adminRows } from './admin-rows.ts'
import { dataRows } from './data-rows.ts'
import { groupRows } from './group-rows.ts'
import type { RightsRow } from './right.ts'
import { shareRows } from './share-rows.ts'

/** What every API asks for, by key: the rules of Kafka's KafkaApis. docs/security.md shows the same. */
export const apiRights: readonly RightsRow[] = [...dataRows, ...groupRows, ...adminRows, ...shareRows].toSorted(
  (a, b) => a.api.key - b.api.key,
)
