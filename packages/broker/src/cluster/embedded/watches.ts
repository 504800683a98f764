import { MetadataError } from '../metadata-error.ts'
import type { Watch, WatchEvent, WatchListener } from '../metadata-store.ts'
import type { KeySpace } from './key-space.ts'

interface Watcher {
  readonly prefix: string
  readonly listener: WatchListener
  revisionNext: number
}

/** Those who watch, each with the revision it has come to. */
export class Watches {
  readonly #watchers = new Set<Watcher>()
  readonly #countMax: number

  constructor(countMax: number) {
    this.#countMax = countMax
  }

  add(prefix: string, fromRevision: number, listener: WatchListener): Watch {
    if (this.#watchers.size >= this.#countMax) {
      throw new MetadataError('overloaded', `there are ${this.#countMax} watches already`)
    }
    const watcher: Watcher = { prefix, listener, revisionNext: fromRevision }
    this.#watchers.add(watcher)
    return { cancel: () => this.#watchers.delete(watcher) }
  }

  /** Brings every watcher up to `revision`. A listener may cancel any watch and add new ones meanwhile. */
  deliver(keys: KeySpace, revision: number): void {
    const present = [...this.#watchers]
    for (const watcher of present) this.#bringUp(watcher, keys, revision)
  }

  /** Ends every watch with an error. */
  fail(error: MetadataError): void {
    const present = [...this.#watchers]
    for (const watcher of present) {
      if (this.#watchers.delete(watcher)) watcher.listener({ kind: 'failed', error })
    }
  }

  /** Ends every watch without a word. */
  clear(): void {
    this.#watchers.clear()
  }

  #bringUp(watcher: Watcher, keys: KeySpace, revision: number): void {
    const { compactRevision } = keys
    if (watcher.revisionNext <= compactRevision) {
      if (this.#watchers.delete(watcher)) watcher.listener({ kind: 'compacted', compactRevision })
      return
    }
    while (this.#watchers.has(watcher) && watcher.revisionNext <= revision) {
      const revisionNow = watcher.revisionNext++
      // Revision 1 is that of an empty store.
      if (revisionNow === 1) continue
      const events = keys.changesAt(revisionNow).events.filter((event) => keyOf(event).startsWith(watcher.prefix))
      if (events.length > 0) watcher.listener({ kind: 'changes', revision: revisionNow, events })
    }
  }
}

function keyOf(event: WatchEvent): string {
  return event.kind === 'put' ? event.keyValue.key : event.key
}
