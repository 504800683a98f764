import { apis } from '@polylog/wire'
import { alterConfigsOf } from '../alter-configs.ts'
import { defineHandler } from '../handler.ts'

/** Replaces all settings of topics and groups by those given. Old clients only; IncrementalAlterConfigs is the safer way. */
export const alterConfigs = defineHandler({
  api: apis[33],

  async handle({ resources, validateOnly }, context) {
    const { topics, groupConfigs } = context.services
    const responses = await alterConfigsOf(resources, context, async (kind, { resourceName, configs }) => {
      const wanted = new Map(configs.map(({ name, value }) => [name, value]))
      if (kind === 'group') await groupConfigs.replace(resourceName, wanted, validateOnly)
      else await topics.replaceConfigs(resourceName, wanted, validateOnly)
    })
    return { responses }
  },
})
