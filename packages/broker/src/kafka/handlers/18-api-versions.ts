import { apis, errorCodes } from '@polylog/wire'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import type { RequestContext } from '../request-context.ts'

/** What a client may call itself (KIP-511). */
const softwarePattern = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

/** First version in which the client says what it is. */
const softwareSince = 3

const supportedFeatures = [{ name: 'share.version', minVersion: 1, maxVersion: 1 }]
const finalizedFeatures = [{ name: 'share.version', minVersionLevel: 1, maxVersionLevel: 1 }]

/**
 * Which APIs and versions there are, and that share groups are in force (KIP-932). No other features are named:
 * `transaction.version` and `group.version` would promise transactions v2 and the groups of KIP-848.
 */
export const apiVersions = defineHandler({
  api: apis[18],

  handle({ clientSoftwareName, clientSoftwareVersion }, context) {
    const isNamed = softwarePattern.test(clientSoftwareName) && softwarePattern.test(clientSoftwareVersion)
    const isValid = context.apiVersion < softwareSince || isNamed
    return {
      errorCode: isValid ? 0 : kafkaErrorCode('invalid-request'),
      apiKeys: context.services.apis,
      supportedFeatures,
      finalizedFeaturesEpoch: 0,
      finalizedFeatures,
    }
  },

  /** Version 0 can be read by every client, and the list tells it what to try next. */
  handleUnknownVersion(context: RequestContext) {
    return { errorCode: errorCodes.UNSUPPORTED_VERSION.code, apiKeys: context.services.apis }
  },

  refuse: (errorCode) => ({ errorCode }),
})
