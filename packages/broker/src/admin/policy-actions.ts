import type { PolicyListing } from '../controller/cluster-admin.ts'
import type { PolicyRecord } from '../image/records.ts'
import { badRequest, notFound } from './api-error.ts'
import type { ApiAnswer, ApiCall } from './api-call.ts'
import type { ClusterSources } from './cluster-sources.ts'
import { readBody } from './request-body.ts'

/** GET /api/policies. */
export function showPolicies({ sources }: ApiCall): ApiAnswer {
  return { status: 200, body: { policies: sources.cluster.listPolicies().map(entryOf) } }
}

/** GET /api/policies/{name}. */
export function showPolicy({ sources, name }: ApiCall): ApiAnswer {
  return { status: 200, body: entryOf(find(sources, name)) }
}

/** PUT /api/policies/{name}: 201 if it is new. */
export async function putPolicy({ sources, request, name }: ApiCall): Promise<ApiAnswer> {
  const {
    pattern,
    priority = 0,
    applyTo = 'all',
    definition,
  } = readBody(request, ['pattern', 'priority', 'applyTo', 'definition'])
  if (typeof pattern !== 'string') throw badRequest('"pattern" must be a text: a regular expression on names.')
  if (typeof priority !== 'number') throw badRequest('"priority" must be a whole number.')
  if (applyTo !== 'all' && applyTo !== 'topics' && applyTo !== 'queues') {
    throw badRequest('"applyTo" must be "all", "topics" or "queues".')
  }
  const isNew = !sources.image.policies.has(name)
  // What the definition holds is checked where policies are understood.
  const record: PolicyRecord = { pattern, priority, applyTo, definition: definition as PolicyRecord['definition'] }
  await sources.cluster.putPolicy(name, record)
  return { status: isNew ? 201 : 200, body: { name, ...record } }
}

/** DELETE /api/policies/{name}. */
export async function deletePolicy({ sources, name }: ApiCall): Promise<ApiAnswer> {
  find(sources, name)
  await sources.cluster.deletePolicy(name)
  return { status: 200, body: { name, deleted: true } }
}

function find({ cluster }: ClusterSources, name: string): PolicyListing {
  const policy = cluster.listPolicies().find((each) => each.name === name)
  if (policy === undefined) throw notFound('unknown-policy', `There is no policy "${name.slice(0, 255)}".`)
  return policy
}

function entryOf({ name, pattern, priority, applyTo, definition, fault }: PolicyListing): unknown {
  return { name, pattern, priority, applyTo, definition, fault: fault ?? null }
}
