import { apis, errorCodes } from '@polylog/wire'
import { clusterOperations, operationsNotAsked } from '../authorized-operations.ts'
import { findController, listNodes } from '../broker-node.ts'
import { defineHandler } from '../handler.ts'

const endpointTypes = { brokers: 1, controllers: 2 }

/** The brokers of the cluster. */
export const describeCluster = defineHandler({
  api: apis[60],

  handle(request, context) {
    const { config } = context.services
    const { endpointType } = request
    if (endpointType !== endpointTypes.brokers) {
      const isKnown = endpointType === endpointTypes.controllers
      const error = isKnown ? errorCodes.MISMATCHED_ENDPOINT_TYPE : errorCodes.UNSUPPORTED_ENDPOINT_TYPE
      return { errorCode: error.code, errorMessage: 'This is a broker; it knows brokers only.', endpointType }
    }
    const brokers = listNodes(context).map(({ nodeId, host, port, rack }) => ({ brokerId: nodeId, host, port, rack }))
    return {
      errorCode: 0,
      endpointType,
      clusterId: config.clusterId,
      controllerId: findController(context),
      brokers,
      clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
        ? clusterOperations(context)
        : operationsNotAsked,
    }
  },

  refuse: (errorCode, message) => ({ errorCode, errorMessage: message }),
})
