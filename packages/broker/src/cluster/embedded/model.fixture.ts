import fc from 'fast-check'
import { checkTransaction } from '../request.ts'
import { MetadataError } from '../metadata-error.ts'
import { noLease } from '../metadata-store.ts'
import type { Comparison, KeyValue, LeaseId, Operation, OperationResponse } from '../metadata-store.ts'
import type { Transaction, TransactionResult } from '../metadata-store.ts'

/** The store as one would write it without history, files or limits: what the real one is compared with. */
export class Model {
  revision = 1
  keys = new Map<string, KeyValue>()
  leases = new Set<LeaseId>()

  copy(): Model {
    const copy = new Model()
    copy.revision = this.revision
    copy.keys = new Map(this.keys)
    copy.leases = new Set(this.leases)
    return copy
  }

  sorted(prefix = ''): KeyValue[] {
    return [...this.keys.values()]
      .filter(({ key }) => key.startsWith(prefix))
      .sort((left, right) => Buffer.compare(Buffer.from(left.key), Buffer.from(right.key)))
  }

  /** Returns 'lease-not-found' with nothing changed when the branch taken names an unknown lease. */
  apply({ compare = [], then = [], else: otherwise = [] }: Transaction): TransactionResult | 'lease-not-found' {
    const succeeded = compare.every((comparison) => this.#holds(comparison))
    const operations = succeeded ? then : otherwise
    for (const operation of operations) {
      if (operation.kind !== 'put') continue
      const { lease = noLease } = operation
      if (lease !== noLease && !this.leases.has(lease)) return 'lease-not-found'
    }
    const next = this.revision + 1
    const responses = operations.map((operation) => this.#perform(operation, next))
    return { succeeded, revision: this.revision, responses }
  }

  revoke(lease: LeaseId): void {
    this.leases.delete(lease)
    const next = this.revision + 1
    for (const keyValue of this.sorted()) if (keyValue.lease === lease) this.#delete(keyValue.key, next)
  }

  #holds(comparison: Comparison): boolean {
    const keyValue = this.keys.get(comparison.key)
    if (comparison.target === 'value') {
      if (keyValue === undefined) return false
      return operators[comparison.operator](Buffer.compare(Buffer.from(keyValue.value), Buffer.from(comparison.value)))
    }
    const present = keyValue?.[comparison.target] ?? 0
    return operators[comparison.operator](Number(present) - Number(comparison.value))
  }

  #perform(operation: Operation, next: number): OperationResponse {
    switch (operation.kind) {
      case 'put': {
        const { key, value, lease = noLease } = operation
        const before = this.keys.get(key)
        const createRevision = before?.createRevision ?? next
        this.keys.set(key, {
          key,
          value,
          createRevision,
          modRevision: next,
          version: (before?.version ?? 0) + 1,
          lease,
        })
        this.revision = next
        return { kind: 'put' }
      }
      case 'delete':
        return { kind: 'delete', deleted: this.#delete(operation.key, next) }
      case 'delete-prefix': {
        let deleted = 0
        for (const { key } of this.sorted(operation.prefix)) deleted += this.#delete(key, next)
        return { kind: 'delete-prefix', deleted }
      }
      case 'get':
        return { kind: 'get', keyValue: this.keys.get(operation.key) }
      case 'range': {
        const all = this.sorted(operation.prefix)
        const keyValues = all.slice(0, operation.limit ?? all.length)
        return { kind: 'range', keyValues, more: keyValues.length < all.length, count: all.length }
      }
    }
  }

  #delete(key: string, next: number): number {
    if (!this.keys.delete(key)) return 0
    this.revision = next
    return 1
  }
}

const operators: Record<Comparison['operator'], (order: number) => boolean> = {
  '=': (order) => order === 0,
  '!=': (order) => order !== 0,
  '<': (order) => order < 0,
  '>': (order) => order > 0,
}

const key = fc.constantFrom('a', 'a/b', 'a/c', 'b', '\u{1f600}', '\ue000')
const prefix = fc.constantFrom('', 'a', 'a/', 'x')
const value = fc.constantFrom('', '1', '22', '€', '\u{1f600}')
const operator = fc.constantFrom<Comparison['operator']>('=', '!=', '<', '>')

function comparison(leases: readonly LeaseId[]): fc.Arbitrary<Comparison> {
  return fc.oneof(
    fc.record({
      key,
      target: fc.constantFrom('version' as const, 'createRevision' as const, 'modRevision' as const),
      operator,
      value: fc.nat(12),
    }),
    fc.record({ key, target: fc.constant('value' as const), operator, value }),
    fc.record({ key, target: fc.constant('lease' as const), operator, value: fc.constantFrom(noLease, ...leases) }),
  )
}

function operation(leases: readonly LeaseId[]): fc.Arbitrary<Operation> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('put' as const), key, value }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('put' as const), key, value, lease: fc.constantFrom(...leases) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete-prefix' as const), prefix }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('get' as const), key }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('range' as const), prefix, limit: fc.integer({ min: 1, max: 3 }) }),
    },
  )
}

/** Transactions over few keys, so that they meet; those that break a rule are left out. */
export function transactions(leases: readonly LeaseId[]): fc.Arbitrary<Transaction> {
  return fc
    .record({
      compare: fc.array(comparison(leases), { maxLength: 2 }),
      then: fc.array(operation(leases), { maxLength: 5 }),
      else: fc.array(operation(leases), { maxLength: 3 }),
    })
    .filter(isValid)
}

function isValid(transaction: Transaction): boolean {
  try {
    checkTransaction(transaction)
    return true
  } catch (error) {
    if (error instanceof MetadataError) return false
    throw error
  }
}
