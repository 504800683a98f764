import { apis } from '@polylog/wire'
import { checkChangeable, resourceKey } from '../config-resource.ts'
import { findDuplicates } from '../duplicates.ts'
import { defineHandler } from '../handler.ts'
import { answerEach } from '../serve.ts'

/** Replaces all settings of topics by those given. Old clients only; IncrementalAlterConfigs is the safer way. */
export const alterConfigs = defineHandler({
  api: apis[33],

  async handle({ resources, validateOnly }, context) {
    const duplicates = findDuplicates(resources.map(resourceKey))
    const responses = await answerEach(
      resources,
      context,
      async (resource) => {
        checkChangeable(resource, duplicates, context)
        const { resourceType, resourceName, configs } = resource
        const wanted = new Map(configs.map(({ name, value }) => [name, value]))
        await context.services.topics.replaceConfigs(resourceName, wanted, validateOnly)
        return { errorCode: 0, errorMessage: null as string | null, resourceType, resourceName }
      },
      ({ resourceType, resourceName }, { errorCode, message }) => ({
        errorCode,
        errorMessage: message,
        resourceType,
        resourceName,
      }),
    )
    return { responses }
  },
})
