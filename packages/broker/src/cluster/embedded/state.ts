import { noLease } from '../metadata-store.ts'
import type { LeaseId } from '../metadata-store.ts'
import type { EntryBody } from './entry.ts'
import { KeySpace } from './key-space.ts'
import { LeaseTable } from './lease-table.ts'

/** Everything the store knows. */
export interface State {
  readonly keys: KeySpace
  readonly leases: LeaseTable
}

/** The state of a new store. */
export function emptyState(): State {
  return { keys: new KeySpace(), leases: new LeaseTable() }
}

/** Makes the changes of a recovered entry. Throws if they do not fit the state, which sound entries always do. */
export function applyEntry(state: State, body: EntryBody): void {
  switch (body.kind) {
    case 'synced':
      return
    case 'changes':
      applyChanges(state, body)
      return
    case 'grant':
      if (body.lease === noLease || state.leases.has(body.lease)) throw new Error('a lease is granted twice')
      state.leases.add(body.lease, body.ttlMs)
      return
    case 'revoke':
      if (!state.leases.has(body.lease)) throw new Error('an unknown lease is revoked')
      applyChanges(state, body)
      state.leases.remove(body.lease)
  }
}

/** The keys that hang on a lease. Looked up by a scan: leases end rarely, and a second index could disagree. */
export function keysUnder(keys: KeySpace, lease: LeaseId): string[] {
  const found: string[] = []
  for (const keyValue of keys.scan('')) if (keyValue.lease === lease) found.push(keyValue.key)
  return found
}

function applyChanges(state: State, { revision, changes }: Extract<EntryBody, { kind: 'changes' | 'revoke' }>): void {
  if (changes.length === 0) return
  if (revision !== state.keys.revision + 1) throw new Error(`revision ${revision} follows ${state.keys.revision}`)
  for (const { key, value, lease } of changes) {
    if (value !== undefined) state.keys.put(revision, key, value, lease)
    else if (!state.keys.delete(revision, key)) throw new Error('a missing key is deleted')
  }
}
