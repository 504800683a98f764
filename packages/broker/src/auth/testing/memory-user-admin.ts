import { UserAdmin } from '../user-admin.ts'
import type { Commits } from '../user-admin.ts'
import type { Transaction, WatchEvent } from '../../cluster/metadata-store.ts'
import { noLease } from '../../cluster/metadata-store.ts'
import type { ClusterImage } from '../../image/cluster-image.ts'

/** Users that live in the image alone. */
export function memoryUserAdmin(image: ClusterImage): UserAdmin {
  return new UserAdmin(image, memoryCommits(image))
}

/** Writes that go into the image at once, and are in no store. */
export function memoryCommits(image: ClusterImage): Commits {
  return {
    fence: () => ({ key: '/brokers/1', target: 'version', operator: '=', value: 0 }),
    commit: async (make) => {
      const transaction = make()
      if (transaction !== undefined) image.apply(image.revision + 1, eventsOf(transaction, image.revision + 1))
    },
  }
}

function eventsOf({ then = [] }: Transaction, modRevision: number): WatchEvent[] {
  return then.map((operation): WatchEvent => {
    if (operation.kind === 'delete') return { kind: 'delete', key: operation.key, modRevision }
    if (operation.kind !== 'put') throw new Error(`no ${operation.kind} here`)
    const { key, value } = operation
    return {
      kind: 'put',
      keyValue: { key, value, modRevision, createRevision: modRevision, version: 1, lease: noLease },
    }
  })
}
