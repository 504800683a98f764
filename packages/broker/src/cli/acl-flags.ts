import { aclOperations } from '@polylog/client/admin'
import type { AclFilter, AclOperation, AclRule } from '@polylog/client/admin'
import type { Arguments } from './arguments.ts'
import { UsageError } from './exit-code.ts'
import type { Flags } from './flags.ts'
import { suggestionFor } from '../config/nearest.ts'

const clusterName = 'kafka-cluster'

/** What a rule is about. */
export const resourceFlags = {
  topic: { type: 'string', value: 'NAME', multiple: true, documentation: 'A topic; * for all. May be repeated.' },
  group: { type: 'string', value: 'NAME', multiple: true, documentation: 'A group of consumers; * for all.' },
  'transactional-id': {
    type: 'string',
    value: 'NAME',
    multiple: true,
    documentation: 'A transactional id; * for all.',
  },
  cluster: { type: 'boolean', documentation: 'The cluster as a whole.' },
  prefixed: { type: 'boolean', documentation: 'Names are prefixes: all that begins with them.' },
} as const satisfies Flags

export const operationFlag = {
  operation: {
    type: 'string',
    value: 'NAME',
    multiple: true,
    documentation: `What for: ${aclOperations.join(', ')}. Several with commas between, or repeated.`,
  },
} as const satisfies Flags

type Resource = Pick<AclRule, 'resourceType' | 'resourceName'>

/** Resources that the flags name. */
function resourcesOf(given: Arguments): Resource[] {
  const named = (['topic', 'group', 'transactional-id'] as const).flatMap((resourceType) =>
    given.all(resourceType).map((resourceName): Resource => ({ resourceType, resourceName })),
  )
  if (given.has('cluster')) named.push({ resourceType: 'cluster', resourceName: clusterName })
  return named
}

/** @throws UsageError naming the operation that there is not */
function operationsOf(given: Arguments): AclOperation[] {
  const words = given.all('operation').flatMap((text) => text.split(','))
  return words.map((text) => {
    const word = text.trim().toLowerCase().replaceAll('_', '-')
    const operation = aclOperations.find((each) => each === word)
    if (operation !== undefined) return operation
    const hint = suggestionFor(word, aclOperations) || `; there are ${aclOperations.join(', ')}`
    throw new UsageError(`there is no operation "${text}"${hint}`)
  })
}

/** Every rule that the flags ask for: each principal, resource, operation and host with each. @throws UsageError */
export function rulesOf(given: Arguments): AclRule[] {
  const principals = (['allow', 'deny'] as const).flatMap((permission) =>
    given.all(permission).map((text) => ({ permission, principal: principalOf(permission, text) })),
  )
  const resources = resourcesOf(given)
  const operations = operationsOf(given)
  const hosts = given.all('host')
  if (principals.length === 0) throw new UsageError('say who: --allow User:NAME or --deny User:NAME')
  if (resources.length === 0) throw new UsageError('say what about: --topic NAME, --group NAME or --cluster')
  if (operations.length === 0) throw new UsageError('say what for: --operation read')
  return principals.flatMap((who) =>
    resources.flatMap((what) =>
      operations.flatMap((operation) =>
        (hosts.length === 0 ? ['*'] : hosts).map((host) => ({
          ...who,
          ...what,
          patternType: given.has('prefixed') && what.resourceType !== 'cluster' ? 'prefixed' : 'literal',
          operation,
          host,
        })),
      ),
    ),
  )
}

/**
 * The filters that the flags ask for, one for each resource and operation; one that means all rules if they name nothing.
 * @param pattern of names, unless they are prefixes
 * @throws UsageError
 */
export function filtersOf(given: Arguments, pattern: 'match' | 'literal'): AclFilter[] {
  const principal = given.text('principal')
  const host = given.text('host')
  const common: AclFilter = {
    ...(principal === undefined ? {} : { principal: principalOf('principal', principal) }),
    ...(host === undefined ? {} : { host }),
  }
  const patternType = given.has('prefixed') ? 'prefixed' : pattern
  const named: AclFilter[] = resourcesOf(given).map((what) => ({
    ...what,
    patternType: what.resourceType === 'cluster' ? pattern : patternType,
  }))
  const about: readonly AclFilter[] = named.length > 0 ? named : [given.has('prefixed') ? { patternType } : {}]
  const operations = operationsOf(given)
  return about.flatMap((what): AclFilter[] =>
    operations.length === 0
      ? [{ ...common, ...what }]
      : operations.map((operation) => ({ ...common, ...what, operation })),
  )
}

function principalOf(flag: string, text: string): string {
  if (/^[^:]+:./s.test(text)) return text
  throw new UsageError(`--${flag} must be TYPE:NAME, such as User:${text}, not "${text}"`)
}
