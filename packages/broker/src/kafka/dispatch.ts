import type { Handler } from './handler.ts'
import { produce } from './handlers/00-produce.ts'
import { fetch } from './handlers/01-fetch.ts'
import { metadata } from './handlers/03-metadata.ts'
import { apiVersions } from './handlers/18-api-versions.ts'
import type { AdvertisedApi } from './services.ts'

/** Every API that this broker serves. To add one: write its file in `handlers/`, add its line here. */
export const handlers: readonly Handler[] = [produce, fetch, metadata, apiVersions]

const handlersByKey: (Handler | undefined)[] = []
for (const handler of handlers) handlersByKey[handler.api.key] = handler

/** The handler of an API key, which may be any int16. */
export function findHandler(apiKey: number): Handler | undefined {
  return handlersByKey[apiKey]
}

/** What ApiVersions answers: nothing that is not served, and the whole range of each, as one Kafka release has it. */
export const advertisedApis: readonly AdvertisedApi[] = handlers.map(({ api, shownFrom }) => ({
  apiKey: api.key,
  minVersion: shownFrom ?? api.versions[0],
  maxVersion: api.versions[1],
}))
