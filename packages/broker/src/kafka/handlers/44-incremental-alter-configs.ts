import type { IncrementalAlterConfigsRequest, Infer } from '@polylog/wire'
import { apis } from '@polylog/wire'
import { BrokerError } from '../../errors/errors.ts'
import type { ConfigChange } from '../../topic/topics.ts'
import { alterConfigsOf } from '../alter-configs.ts'
import { findDuplicates } from '../duplicates.ts'
import { defineHandler } from '../handler.ts'

type Request = Infer<typeof IncrementalAlterConfigsRequest>
type Change = Request['resources'][number]['configs'][number]

/** By the number of AlterConfigOp.OpType. */
const operations = ['set', 'delete', 'append', 'subtract'] as const

/** Changes single settings of topics and groups and leaves the others alone (KIP-339). */
export const incrementalAlterConfigs = defineHandler({
  api: apis[44],

  async handle({ resources, validateOnly }: Request, context) {
    const { topics, groupConfigs } = context.services
    const responses = await alterConfigsOf(resources, context, async (kind, { resourceName, configs }) => {
      if (findDuplicates(configs.map(({ name }) => name)).size > 0) {
        throw new BrokerError('invalid-request', 'The request names a setting twice.')
      }
      const changes = configs.map(changeOf)
      if (kind === 'group') await groupConfigs.change(resourceName, changes, validateOnly)
      else await topics.changeConfigs(resourceName, changes, validateOnly)
    })
    return { responses }
  },
})

function changeOf({ name, configOperation, value }: Change): ConfigChange {
  const operation = operations[configOperation]
  if (operation === undefined) {
    throw new BrokerError('invalid-request', `There is no operation ${configOperation} on settings.`)
  }
  if (value === null && operation !== 'delete') {
    throw new BrokerError('invalid-request', `The setting ${name} has no value.`)
  }
  return { name, operation, value }
}
