import type {
  Comparison,
  ComparisonOperator,
  Operation,
  OperationResponse,
  Transaction,
  TransactionResult,
} from '../metadata-store.ts'
import { base64Of, integerAt, isTrue, listAt, objectAt, revisionIn, strange } from './json.ts'
import type { JsonObject } from './json.ts'
import type { KeyCodec } from './key-codec.ts'

const resultOf: Readonly<Record<ComparisonOperator, string>> = {
  '=': 'EQUAL',
  '!=': 'NOT_EQUAL',
  '<': 'LESS',
  '>': 'GREATER',
}

/** A checked transaction as etcd's TxnRequest. */
export function encodeTransaction(transaction: Transaction, keys: KeyCodec): JsonObject {
  return {
    compare: (transaction.compare ?? []).map((comparison) => encodeComparison(comparison, keys)),
    success: (transaction.then ?? []).map((operation) => encodeOperation(operation, keys)),
    failure: (transaction.else ?? []).map((operation) => encodeOperation(operation, keys)),
  }
}

/** etcd's TxnResponse to `transaction`. */
export function decodeTransaction(answer: JsonObject, transaction: Transaction, keys: KeyCodec): TransactionResult {
  const succeeded = isTrue(answer, 'succeeded')
  const operations = (succeeded ? transaction.then : transaction.else) ?? []
  const responses = listAt(answer, 'responses')
  if (responses.length !== operations.length) throw strange('its answers do not fit the operations')
  return {
    succeeded,
    revision: revisionIn(answer),
    responses: operations.map((operation, index) => decodeResponse(responses[index]!, operation, keys)),
  }
}

/** Whether no step of it, in either branch, changes anything. */
export function isRead(transaction: Transaction): boolean {
  return readsOnly(transaction.then) && readsOnly(transaction.else)
}

/**
 * Whether it can take effect at most once however often it is sent: it changes a key whose modRevision it demands, and
 * the modRevision of a key is never the same again. A demanded 0 does not do, because the key may be deleted meanwhile,
 * nor does a version, because a key that is made anew counts from 1 again.
 */
export function takesEffectOnce(transaction: Transaction): boolean {
  const changed = new Set<string>()
  for (const operation of transaction.then ?? []) {
    if (operation.kind === 'put' || operation.kind === 'delete') changed.add(operation.key)
  }
  const isFence = ({ target, operator, value, key }: Comparison): boolean =>
    target === 'modRevision' && operator === '=' && value !== 0 && changed.has(key)
  return readsOnly(transaction.else) && (transaction.compare ?? []).some(isFence)
}

function readsOnly(operations: readonly Operation[] = []): boolean {
  return operations.every(({ kind }) => kind === 'get' || kind === 'range')
}

function encodeComparison(comparison: Comparison, keys: KeyCodec): JsonObject {
  const common = { key: keys.encode(comparison.key), result: resultOf[comparison.operator] }
  switch (comparison.target) {
    case 'version':
      return { ...common, target: 'VERSION', version: String(comparison.value) }
    case 'createRevision':
      return { ...common, target: 'CREATE', create_revision: String(comparison.value) }
    case 'modRevision':
      return { ...common, target: 'MOD', mod_revision: String(comparison.value) }
    case 'value':
      return { ...common, target: 'VALUE', value: base64Of(comparison.value) }
    case 'lease':
      return { ...common, target: 'LEASE', lease: comparison.value }
  }
}

function encodeOperation(operation: Operation, keys: KeyCodec): JsonObject {
  switch (operation.kind) {
    case 'put': {
      const put = { key: keys.encode(operation.key), value: base64Of(operation.value) }
      return { request_put: operation.lease === undefined ? put : { ...put, lease: operation.lease } }
    }
    case 'delete':
      return { request_delete_range: { key: keys.encode(operation.key) } }
    case 'delete-prefix':
      return { request_delete_range: keys.rangeOf(operation.prefix) }
    case 'get':
      return { request_range: { key: keys.encode(operation.key) } }
    case 'range':
      return { request_range: { ...keys.rangeOf(operation.prefix), limit: String(operation.limit ?? 0) } }
  }
}

function decodeResponse(response: JsonObject, operation: Operation, keys: KeyCodec): OperationResponse {
  switch (operation.kind) {
    case 'put':
      return { kind: 'put' }
    case 'delete':
    case 'delete-prefix':
      return { kind: operation.kind, deleted: integerAt(objectAt(response, 'response_delete_range'), 'deleted') }
    case 'get': {
      const first = listAt(objectAt(response, 'response_range'), 'kvs')[0]
      return { kind: 'get', keyValue: first === undefined ? undefined : keys.decode(first) }
    }
    case 'range': {
      const range = objectAt(response, 'response_range')
      return {
        kind: 'range',
        keyValues: listAt(range, 'kvs').map((keyValue) => keys.decode(keyValue)),
        more: isTrue(range, 'more'),
        count: integerAt(range, 'count'),
      }
    }
  }
}
