import type { DiskOperation } from '../../packages/broker/src/host/simulated/disk-operation.ts'
import type { FileFate } from './file-model.ts'
import { everything, FileModel } from './file-model.ts'
import type { DirectoryModel, NodeModel } from './name-model.ts'
import { NameModel } from './name-model.ts'

/** Decides what is left of what was not synced. */
export interface Fate {
  file: (file: FileModel) => FileFate
  /** For each pending change of names, oldest first. */
  name: (index: number, count: number) => boolean
}

/** A disk after a crash: content by path, folders with undefined. */
export type CrashState = Map<string, Uint8Array | undefined>

interface RunningSync {
  end: () => void
}

/**
 * Follows the trace of a simulated disk and can say at each moment which states a crash may leave. Written apart from
 * the simulated disk's own crash, from the contract in host/disk.ts, so that neither hides a mistake of the other.
 */
export class DeviceModel {
  readonly names = new NameModel()
  readonly #files = new Map<number, FileModel>()
  readonly #syncs = new Map<number, RunningSync>()

  apply(operation: DiskOperation): void {
    switch (operation.kind) {
      case 'create': {
        const file = new FileModel(operation.file)
        this.#files.set(operation.file, file)
        this.names.link(operation.path, { kind: 'file', file })
        return
      }
      case 'make-directory':
        this.names.link(operation.path, { kind: 'directory', current: new Map(), durable: new Map() })
        return
      case 'write':
        this.#file(operation.file).add({ kind: 'write', position: operation.position, bytes: operation.bytes })
        return
      case 'truncate':
        this.#file(operation.file).add({ kind: 'truncate', size: operation.size })
        return
      case 'rename':
        this.names.rename(operation.path, operation.targetPath)
        return
      case 'remove':
        this.names.unlink(operation.path)
        return
      case 'sync-begin': {
        const file = this.#file(operation.file)
        const mark = file.mark()
        this.#syncs.set(operation.sync, { end: () => file.commit(mark) })
        return
      }
      case 'sync-directory-begin': {
        const directory = this.names.directory(operation.path)
        const mark = this.names.mark()
        this.#syncs.set(operation.sync, { end: () => this.names.commit(directory, mark) })
        return
      }
      case 'sync-end':
      case 'sync-directory-end':
        if (operation.failed) throw new Error('failed syncs are not part of these traces')
        this.#syncs.get(operation.sync)?.end()
        this.#syncs.delete(operation.sync)
    }
  }

  /** The state that `fate` leaves, and a text that is the same for the same state. */
  crash(fate: Fate): { state: CrashState; fingerprint: string } {
    const { root, fingerprint } = this.names.crash(fate.name)
    const state: CrashState = new Map()
    const parts = [fingerprint]
    const visit = (directory: Map<string, NodeModel>, path: string, entries: EntriesOf): void => {
      for (const [name, node] of directory) {
        if (node.kind === 'directory') {
          state.set(`${path}/${name}`, undefined)
          visit(entries(node), `${path}/${name}`, entries)
          continue
        }
        const { file } = node
        const content = file.contentAfter(file.pending.length === 0 ? everything(0) : fate.file(file))
        state.set(`${path}/${name}`, content)
        if (file.pending.length > 0) parts.push(`${file.id}:${hashOf(content)}`)
        else parts.push(`${file.id}.${file.version}`)
      }
    }
    visit(root, '', (directory) => this.names.entriesAfterCrash(directory))
    return { state, fingerprint: parts.join(' ') }
  }

  #file(id: number): FileModel {
    const file = this.#files.get(id)
    if (!file) throw new Error(`the trace uses file ${id} before it is made`)
    return file
  }
}

type EntriesOf = (directory: DirectoryModel) => Map<string, NodeModel>

/** FNV-1a over 32-bit words; only tells states of one moment apart. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5 ^ bytes.length
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  return hash >>> 0
}
