import { apis } from '@polylog/wire'
import { ClientError, refusal } from '../client-error.ts'
import type { Cluster } from '../cluster.ts'

const groupResource = 32
const setOperation = 0
const invalidConfig = 40
const invalidRequest = 42
const authorizationErrors: readonly number[] = [29, 30, 31]

/** What the broker of a group can do beyond Kafka. */
export interface GroupAbilities {
  /** Waits before it delivers a released message again, filters, and keeps dead letters. */
  readonly isPolylog: boolean
}

/**
 * Puts settings of a group in force. Those that a broker does not know (Kafka, of ours) are left out: the consumer does their
 * work itself. Without the right to change them the group keeps what it has.
 *
 * @returns names of the settings that are not in force
 * @throws ClientError other refusals: a value that is not allowed
 */
export async function putGroupSettings(
  cluster: Cluster,
  group: string,
  settings: ReadonlyMap<string, string>,
): Promise<Set<string>> {
  if (settings.size === 0) return new Set()
  const code = await alter(cluster, group, settings)
  if (code.errorCode === 0) return new Set()
  if (authorizationErrors.includes(code.errorCode)) return new Set(settings.keys())
  const isUnknown = code.errorCode === invalidConfig || code.errorCode === invalidRequest
  if (settings.size > 1 && isUnknown) {
    // One name that is not known spoils the whole request, and which one it was is only in the text.
    const left = new Set<string>()
    for (const [name, value] of settings) {
      for (const missing of await putGroupSettings(cluster, group, new Map([[name, value]]))) left.add(missing)
    }
    return left
  }
  const [name] = settings.keys()
  if (isUnknown && !(await groupSettingNames(cluster, group)).has(name!)) return new Set([name!])
  throw refusal(code.errorCode, `cannot set ${[...settings.keys()].join(', ')} of group "${group}"`, code.errorMessage)
}

/** What the broker can do, as far as its settings show; without the right to read them, what Polylog can. */
export async function groupAbilities(cluster: Cluster, group: string): Promise<GroupAbilities> {
  const names = await groupSettingNames(cluster, group)
  return { isPolylog: names.size === 0 || [...names].some((name) => name.startsWith('polylog.')) }
}

async function groupSettingNames(cluster: Cluster, group: string): Promise<Set<string>> {
  try {
    const answer = await cluster.any(apis[32], {
      resources: [{ resourceType: groupResource, resourceName: group, configurationKeys: null }],
      includeSynonyms: false,
      includeDocumentation: false,
    })
    return new Set(answer.results.flatMap(({ configs }) => configs.map(({ name }) => name)))
  } catch (error) {
    if (error instanceof ClientError && error.code === 'unsupported') return new Set()
    throw error
  }
}

async function alter(
  cluster: Cluster,
  group: string,
  settings: ReadonlyMap<string, string>,
): Promise<{ errorCode: number; errorMessage: string | null }> {
  const configs = [...settings].map(([name, value]) => ({ name, configOperation: setOperation, value }))
  const answer = await cluster.controller(apis[44], {
    resources: [{ resourceType: groupResource, resourceName: group, configs }],
    validateOnly: false,
  })
  return answer.responses[0] ?? { errorCode: 0, errorMessage: null }
}
