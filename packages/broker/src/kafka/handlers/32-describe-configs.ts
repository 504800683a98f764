import type { DescribeConfigsRequest, DescribeConfigsResponse, Infer, InferInput } from '@polylog/wire'
import { apis } from '@polylog/wire'
import type { ConfigEntry } from '../../topic/topics.ts'
import { configSource, configType, shownValue, synonymsOf } from '../config-numbers.ts'
import { checkAccess, checkResource } from '../config-resource.ts'
import { defineHandler } from '../handler.ts'
import type { RequestContext } from '../request-context.ts'
import { answerEach } from '../serve.ts'

type Request = Infer<typeof DescribeConfigsRequest>
type Asked = Request['resources'][number]
type Result = NonNullable<InferInput<typeof DescribeConfigsResponse>['results']>[number]

/** The settings of topics, groups and of this broker: all of them, as clients that change some write the others back. */
export const describeConfigs = defineHandler({
  api: apis[32],

  async handle(request: Request, context) {
    const results = await answerEach<Asked, Result>(
      request.resources,
      context,
      async (resource) => ({
        errorCode: 0,
        errorMessage: null,
        resourceType: resource.resourceType,
        resourceName: resource.resourceName,
        configs: askedOf(resource, entriesOf(resource, context)).map((entry) => describe(entry, request)),
      }),
      ({ resourceType, resourceName }, { errorCode, message }) => ({
        errorCode,
        errorMessage: message,
        resourceType,
        resourceName,
        configs: [],
      }),
    )
    return { results }
  },
})

function entriesOf(resource: Asked, context: RequestContext): readonly ConfigEntry[] {
  checkAccess(resource, 'describe-configs', context)
  const { topics, brokerSettings, groupConfigs } = context.services
  const kind = checkResource(resource, context)
  if (kind === 'topic') return topics.describeConfigs(resource.resourceName)
  if (kind === 'group') return groupConfigs.describe(resource.resourceName)
  // An empty name asks for defaults that were set for all brokers at run time; there are none.
  return resource.resourceName === '' ? [] : brokerSettings.describe()
}

/** In the order of the request: kafkajs's own suite, for one, takes entries by their place in it. */
function askedOf({ configurationKeys }: Asked, entries: readonly ConfigEntry[]): readonly ConfigEntry[] {
  if (configurationKeys === null || configurationKeys.length === 0) return entries
  const byName = new Map(entries.map((entry) => [entry.name, entry]))
  return [...new Set(configurationKeys)].flatMap((name) => byName.get(name) ?? [])
}

function describe(entry: ConfigEntry, request: Request) {
  return {
    name: entry.name,
    value: shownValue(entry),
    readOnly: entry.readOnly,
    configSource: configSource(entry),
    isSensitive: entry.sensitive,
    synonyms: request.includeSynonyms ? synonymsOf(entry) : [],
    configType: configType(entry),
    documentation: request.includeDocumentation ? entry.documentation : null,
  }
}
