import { MetadataError } from './metadata-error.ts'
import { leaseTtlMsMax, operationOverheadBytes, requestBytesMax, transactionOperationsMax } from './metadata-store.ts'
import type { Comparison, Operation, RangeOptions, Transaction } from './metadata-store.ts'

const leasePattern = /^(?:0|[1-9][0-9]{0,18})$/
const leaseMax = (1n << 63n) - 1n

/** Refuses a key that the store cannot hold. */
export function checkKey(key: string): void {
  checkPrefix(key)
  if (key.length === 0) throw invalid('a key must not be empty')
}

/** Refuses a prefix under which no key can stand. */
export function checkPrefix(prefix: string): void {
  checkLength(prefix)
  if (!prefix.isWellFormed()) throw invalid('a key must be well-formed Unicode')
}

/** Refuses a range that no store could answer. */
export function checkRange(prefix: string, options: RangeOptions): void {
  checkPrefix(prefix)
  if (options.limit !== undefined) checkLimit(options.limit)
  if (options.atRevision !== undefined) checkRevision(options.atRevision, 1)
}

/** Refuses a revision that is not an integer of at least `least`. */
export function checkRevision(revision: number, least: number): void {
  if (!Number.isSafeInteger(revision) || revision < least) {
    throw invalid(`a revision must be an integer of at least ${least}, not ${revision}`)
  }
}

/** Refuses a time to live that is not 1 to `leaseTtlMsMax` whole milliseconds. */
export function checkTtl(ttlMs: number): void {
  if (!Number.isSafeInteger(ttlMs) || ttlMs < 1 || ttlMs > leaseTtlMsMax) {
    throw invalid(`a lease lives 1 to ${leaseTtlMsMax} ms, not ${ttlMs}`)
  }
}

/** Refuses what is not a lease id. `noLease` passes. */
export function checkLease(lease: string): void {
  if (!leasePattern.test(lease) || BigInt(lease) > leaseMax) {
    throw invalid('a lease id is a 63-bit integer in decimal')
  }
}

/**
 * Refuses a transaction that breaks a rule known before it runs. Whether its leases exist is checked when it runs, for
 * the branch taken only.
 * @returns the bytes the transaction counts against `requestBytesMax`
 */
export function checkTransaction(transaction: Transaction): number {
  const compare = transaction.compare ?? []
  const branches = [transaction.then ?? [], transaction.else ?? []]
  for (const list of [compare, ...branches]) {
    if (list.length > transactionOperationsMax) {
      throw invalid(`a transaction list has ${list.length} entries; at most ${transactionOperationsMax} are allowed`)
    }
  }
  let bytes = 0
  for (const comparison of compare) bytes += checkComparison(comparison)
  for (const branch of branches) {
    for (const operation of branch) bytes += checkOperation(operation)
    checkConflicts(branch)
  }
  if (bytes > requestBytesMax) throw tooLarge(bytes)
  return bytes
}

function checkComparison(comparison: Comparison): number {
  checkKey(comparison.key)
  let bytes = operationOverheadBytes + Buffer.byteLength(comparison.key)
  switch (comparison.target) {
    case 'value':
      checkValue(comparison.value)
      bytes += Buffer.byteLength(comparison.value)
      break
    case 'lease':
      checkLease(comparison.value)
      break
    case 'version':
    case 'createRevision':
    case 'modRevision':
      checkRevision(comparison.value, 0)
      break
  }
  return bytes
}

function checkOperation(operation: Operation): number {
  switch (operation.kind) {
    case 'put':
      checkKey(operation.key)
      checkValue(operation.value)
      if (operation.lease !== undefined) checkLease(operation.lease)
      return operationOverheadBytes + Buffer.byteLength(operation.key) + Buffer.byteLength(operation.value)
    case 'get':
    case 'delete':
      checkKey(operation.key)
      return operationOverheadBytes + Buffer.byteLength(operation.key)
    case 'range':
      if (operation.limit !== undefined) checkLimit(operation.limit)
      checkPrefix(operation.prefix)
      return operationOverheadBytes + 2 * Buffer.byteLength(operation.prefix)
    case 'delete-prefix':
      checkPrefix(operation.prefix)
      return operationOverheadBytes + 2 * Buffer.byteLength(operation.prefix)
  }
}

/** A key has one state per revision, so one list must not change it twice (etcd: "duplicate key given in txn request"). */
function checkConflicts(operations: readonly Operation[]): void {
  const puts = new Set<string>()
  for (const operation of operations) {
    if (operation.kind !== 'put') continue
    if (puts.has(operation.key)) throw invalid(`key ${quote(operation.key)} is put twice in one transaction`)
    puts.add(operation.key)
  }
  for (const operation of operations) {
    const hit = deletedKeyAmong(operation, puts)
    if (hit !== undefined) throw invalid(`key ${quote(hit)} is both put and deleted in one transaction`)
  }
}

function deletedKeyAmong(operation: Operation, puts: ReadonlySet<string>): string | undefined {
  if (operation.kind === 'delete') return puts.has(operation.key) ? operation.key : undefined
  if (operation.kind !== 'delete-prefix') return undefined
  for (const key of puts) if (key.startsWith(operation.prefix)) return key
  return undefined
}

function checkValue(value: string): void {
  checkLength(value)
  if (!value.isWellFormed()) throw invalid('a value must be well-formed Unicode')
}

function checkLimit(limit: number): void {
  if (!Number.isSafeInteger(limit) || limit < 1) throw invalid(`a limit must be an integer of at least 1, not ${limit}`)
}

/** A character takes at least one byte, so this refuses a huge string before it is walked over. */
function checkLength(text: string): void {
  if (text.length > requestBytesMax) throw tooLarge(text.length)
}

function tooLarge(bytes: number): MetadataError {
  return new MetadataError('too-large', `the request has ${bytes} bytes; at most ${requestBytesMax} are allowed`)
}

function invalid(message: string): MetadataError {
  return new MetadataError('invalid', message)
}

function quote(key: string): string {
  return JSON.stringify(key.slice(0, 100))
}
