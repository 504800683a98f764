import { checkChangeable, resourceKey } from './config-resource.ts'
import type { ConfigResource } from './config-resource.ts'
import { findDuplicates } from './duplicates.ts'
import type { RequestContext } from './request-context.ts'
import { answerEach } from './serve.ts'

/** What AlterConfigs and IncrementalAlterConfigs answer for a resource. */
interface AlteredResource extends ConfigResource {
  errorCode: number
  errorMessage: string | null
}

/**
 * Changes the settings of each resource that may be changed, and answers for each by itself.
 * @param change makes the changes that the request has for a resource
 */
export function alterConfigsOf<R extends ConfigResource>(
  resources: readonly R[],
  context: RequestContext,
  change: (kind: 'topic' | 'group', resource: R) => Promise<void>,
): Promise<AlteredResource[]> {
  const duplicates = findDuplicates(resources.map(resourceKey))
  return answerEach(
    resources,
    context,
    async (resource): Promise<AlteredResource> => {
      await change(checkChangeable(resource, duplicates, context), resource)
      const { resourceType, resourceName } = resource
      return { errorCode: 0, errorMessage: null, resourceType, resourceName }
    },
    ({ resourceType, resourceName }, { errorCode, message }) => {
      return { errorCode, errorMessage: message, resourceType, resourceName }
    },
  )
}
