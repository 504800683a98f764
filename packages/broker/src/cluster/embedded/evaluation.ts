import { compareText, orderHolds } from '../key-order.ts'
import { MetadataError } from '../metadata-error.ts'
import { noLease } from '../metadata-store.ts'
import type { Comparison, LeaseId, Operation, OperationResponse, Transaction } from '../metadata-store.ts'
import type { TransactionResult } from '../metadata-store.ts'
import type { KeySpace } from './key-space.ts'

/**
 * Runs a checked transaction against the newest state of `keys`. Either throws with nothing changed, or has made every
 * change, at the revision after the one before.
 * @param hasLease whether a lease exists
 * @param bytesLiveMax room for live keys and values; beyond it a transaction that puts is refused, as in etcd
 */
export function evaluate(
  transaction: Transaction,
  keys: KeySpace,
  hasLease: (lease: LeaseId) => boolean,
  bytesLiveMax: number,
): TransactionResult {
  const succeeded = (transaction.compare ?? []).every((comparison) => holds(comparison, keys))
  const operations = (succeeded ? transaction.then : transaction.else) ?? []
  checkLeases(operations, hasLease)
  checkSpace(operations, keys, bytesLiveMax)
  const revisionNext = keys.revision + 1
  const responses = operations.map((operation) => perform(operation, keys, revisionNext))
  return { succeeded, revision: keys.revision, responses }
}

function holds(comparison: Comparison, keys: KeySpace): boolean {
  const keyValue = keys.get(comparison.key)
  switch (comparison.target) {
    case 'value':
      if (keyValue === undefined) return false
      return orderHolds(compareText(keyValue.value, comparison.value), comparison.operator)
    case 'lease': {
      const difference = BigInt(keyValue?.lease ?? noLease) - BigInt(comparison.value)
      return orderHolds(difference < 0n ? -1 : difference > 0n ? 1 : 0, comparison.operator)
    }
    case 'version':
    case 'createRevision':
    case 'modRevision':
      return orderHolds((keyValue?.[comparison.target] ?? 0) - comparison.value, comparison.operator)
  }
}

function checkLeases(operations: readonly Operation[], hasLease: (lease: LeaseId) => boolean): void {
  for (const operation of operations) {
    if (operation.kind !== 'put' || operation.lease === undefined || operation.lease === noLease) continue
    if (!hasLease(operation.lease)) throw new MetadataError('lease-not-found', `no lease ${operation.lease}`)
  }
}

function checkSpace(operations: readonly Operation[], keys: KeySpace, bytesLiveMax: number): void {
  if (keys.bytesLive <= bytesLiveMax || !operations.some((operation) => operation.kind === 'put')) return
  throw new MetadataError('full', `the store holds ${keys.bytesLive} bytes; at most ${bytesLiveMax} are allowed`)
}

function perform(operation: Operation, keys: KeySpace, revision: number): OperationResponse {
  switch (operation.kind) {
    case 'put':
      keys.put(revision, operation.key, operation.value, operation.lease ?? noLease)
      return { kind: 'put' }
    case 'delete':
      return { kind: 'delete', deleted: keys.delete(revision, operation.key) ? 1 : 0 }
    case 'delete-prefix': {
      const doomed = [...keys.scan(operation.prefix)]
      for (const { key } of doomed) keys.delete(revision, key)
      return { kind: 'delete-prefix', deleted: doomed.length }
    }
    case 'get':
      return { kind: 'get', keyValue: keys.get(operation.key) }
    case 'range':
      return { kind: 'range', ...keys.range(operation.prefix, keys.revision, operation.limit) }
  }
}
