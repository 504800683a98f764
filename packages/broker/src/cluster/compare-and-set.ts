import type { KeyValue, LeaseId, MetadataStore, Operation } from './metadata-store.ts'

export interface SetResult {
  /** Whether this call changed the key. */
  readonly succeeded: boolean
  /** Store revision after the attempt. */
  readonly revision: number
  /** The key after the attempt: what was put, or what stood in the way (undefined when the key is missing). */
  readonly keyValue: KeyValue | undefined
}

/** Puts a key only if it does not exist. */
export function putIfAbsent(store: MetadataStore, key: string, value: string, lease?: LeaseId): Promise<SetResult> {
  return compareAndSet(store, key, 0, value, lease)
}

/** Puts a key only if its last change was at `modRevision`; 0 means that it must not exist. */
export function compareAndSet(
  store: MetadataStore,
  key: string,
  modRevision: number,
  value: string,
  lease?: LeaseId,
): Promise<SetResult> {
  const put: Operation = lease === undefined ? { kind: 'put', key, value } : { kind: 'put', key, value, lease }
  return attempt(store, key, modRevision, put)
}

/** Deletes a key only if its last change was at `modRevision`. */
export function compareAndDelete(store: MetadataStore, key: string, modRevision: number): Promise<SetResult> {
  return attempt(store, key, modRevision, { kind: 'delete', key })
}

async function attempt(
  store: MetadataStore,
  key: string,
  modRevision: number,
  operation: Operation,
): Promise<SetResult> {
  const { succeeded, revision, responses } = await store.transaction({
    compare: [{ key, target: 'modRevision', operator: '=', value: modRevision }],
    then: [operation, { kind: 'get', key }],
    else: [{ kind: 'get', key }],
  })
  const answer = responses.at(-1)
  return { succeeded, revision, keyValue: answer?.kind === 'get' ? answer.keyValue : undefined }
}
