import type { IncrementalAlterConfigsRequest, Infer } from '@polylog/wire'
import { apis } from '@polylog/wire'
import { BrokerError } from '../../errors/errors.ts'
import type { ConfigChange } from '../../topic/topics.ts'
import { checkChangeable, resourceKey } from '../config-resource.ts'
import { findDuplicates } from '../duplicates.ts'
import { defineHandler } from '../handler.ts'
import { answerEach } from '../serve.ts'

type Request = Infer<typeof IncrementalAlterConfigsRequest>
type Change = Request['resources'][number]['configs'][number]

/** By the number of AlterConfigOp.OpType. */
const operations = ['set', 'delete', 'append', 'subtract'] as const

/** Changes single settings of topics and leaves the others alone (KIP-339). */
export const incrementalAlterConfigs = defineHandler({
  api: apis[44],

  async handle({ resources, validateOnly }: Request, context) {
    const duplicates = findDuplicates(resources.map(resourceKey))
    const responses = await answerEach(
      resources,
      context,
      async (resource) => {
        checkChangeable(resource, duplicates, context)
        const { resourceType, resourceName, configs } = resource
        if (findDuplicates(configs.map(({ name }) => name)).size > 0) {
          throw new BrokerError('invalid-request', 'The request names a setting twice.')
        }
        await context.services.topics.changeConfigs(resourceName, configs.map(changeOf), validateOnly)
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
