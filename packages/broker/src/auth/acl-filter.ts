import { wildcard } from '../image/acl.ts'
import type { AclRule, PatternType } from '../image/acl.ts'

/** Which rules are meant. What is left out does not matter. */
export interface AclFilter {
  readonly resourceType?: AclRule['resourceType']
  readonly resourceName?: string
  /**
   * `match`: all rules that count for a resource of this name, so also those for `*` and for its prefixes. Any other: the
   * rule has this very name.
   */
  readonly patternType?: PatternType | 'match'
  readonly principal?: string
  readonly host?: string
  readonly operation?: AclRule['operation']
  readonly permission?: AclRule['permission']
}

const equalFields = ['resourceType', 'principal', 'host', 'operation', 'permission'] as const

/** Whether the filter means the rule; Kafka's AclBindingFilter. */
export function isMeant(filter: AclFilter, rule: AclRule): boolean {
  for (const field of equalFields) if (filter[field] !== undefined && filter[field] !== rule[field]) return false
  const { resourceName: name, patternType } = filter
  if (patternType === 'match') return name === undefined || countsFor(rule, name)
  if (patternType !== undefined && patternType !== rule.patternType) return false
  return name === undefined || name === rule.resourceName
}

function countsFor({ patternType, resourceName }: AclRule, name: string): boolean {
  if (patternType === 'prefixed') return name.startsWith(resourceName)
  return resourceName === name || resourceName === wildcard
}
