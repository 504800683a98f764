/**
 * Bit sets of AclOperation numbers, as Metadata, DescribeCluster and DescribeGroups report them. Without access rules
 * everything that the resource supports is allowed (KIP-430).
 */
const operation = { read: 3, write: 4, create: 5, delete: 6, alter: 7, describe: 8, clusterAction: 9 }
const configOperation = { describeConfigs: 10, alterConfigs: 11, idempotentWrite: 12 }

function bits(...operations: number[]): number {
  return operations.reduce((set, each) => set | (1 << each), 0)
}

const { read, write, create, alter, describe, clusterAction } = operation
const { describeConfigs, alterConfigs, idempotentWrite } = configOperation

/** The answer to a client that did not ask. */
export const operationsNotAsked = -2147483648
export const topicOperations = bits(
  read,
  write,
  create,
  operation.delete,
  alter,
  describe,
  describeConfigs,
  alterConfigs,
)
export const groupOperations = bits(read, operation.delete, describe, describeConfigs, alterConfigs)
export const clusterOperations = bits(
  create,
  alter,
  describe,
  clusterAction,
  describeConfigs,
  alterConfigs,
  idempotentWrite,
)
