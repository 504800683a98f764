import type { FileModel } from './file-model.ts'

export interface DirectoryModel {
  readonly kind: 'directory'
  /** As the process sees it. */
  readonly current: Map<string, NodeModel>
  /** As the device has it for certain. */
  readonly durable: Map<string, NodeModel>
}

export type NodeModel = DirectoryModel | { readonly kind: 'file'; readonly file: FileModel }

interface Slot {
  directory: DirectoryModel
  name: string
}

interface NameChange {
  sequence: number
  kind: 'link' | 'unlink' | 'rename'
  node: NodeModel
  /** One slot, two for a rename: from and to. */
  slots: Slot[]
}

/**
 * Names of files and folders. Changes since the last sync of their folder may each be there or not after a crash, but,
 * as on any journaling file system, never before an earlier change of the same name or of the same file or folder.
 */
export class NameModel {
  readonly root: DirectoryModel = { kind: 'directory', current: new Map(), durable: new Map() }
  #pending: NameChange[] = []
  #sequence = 0
  #crashed = new Map<DirectoryModel, Map<string, NodeModel>>()

  get pendingCount(): number {
    return this.#pending.length
  }

  link(path: string, node: NodeModel): void {
    const slot = this.#slot(path)
    slot.directory.current.set(slot.name, node)
    this.#add('link', node, [slot])
  }

  unlink(path: string): void {
    const slot = this.#slot(path)
    const node = slot.directory.current.get(slot.name)!
    slot.directory.current.delete(slot.name)
    this.#add('unlink', node, [slot])
  }

  rename(path: string, targetPath: string): void {
    const slot = this.#slot(path)
    const target = this.#slot(targetPath)
    const node = slot.directory.current.get(slot.name)!
    slot.directory.current.delete(slot.name)
    target.directory.current.set(target.name, node)
    this.#add('rename', node, [slot, target])
  }

  directory(path: string): DirectoryModel {
    let directory = this.root
    for (const name of namesOf(path)) {
      const next = directory.current.get(name)
      if (next?.kind !== 'directory') throw new Error(`no folder ${path}`)
      directory = next
    }
    return directory
  }

  mark(): number {
    return this.#sequence
  }

  commit(directory: DirectoryModel, mark: number): void {
    const kept = withNeeded(
      this.#pending,
      (change) => change.sequence <= mark && change.slots.at(-1)!.directory === directory,
    )
    for (const change of this.#pending) {
      if (kept.has(change)) applyTo(change, (each) => each.durable)
    }
    this.#pending = this.#pending.filter((change) => !kept.has(change))
  }

  /** The root after a crash that kept the chosen changes and what these need. */
  crash(survives: (index: number, count: number) => boolean): { root: Map<string, NodeModel>; fingerprint: string } {
    const count = this.#pending.length
    const chosen = new Set(this.#pending.filter((_, index) => survives(index, count)))
    const kept = withNeeded(this.#pending, (change) => chosen.has(change))
    this.#crashed = new Map()
    for (const change of this.#pending) {
      if (kept.has(change)) applyTo(change, (directory) => this.entriesAfterCrash(directory))
    }
    const fingerprint = this.#pending.map((change) => (kept.has(change) ? '1' : '0')).join('')
    return { root: this.entriesAfterCrash(this.root), fingerprint: `${this.#sequence - count}/${fingerprint}` }
  }

  /** What is in a folder after the last `crash`. */
  entriesAfterCrash(directory: DirectoryModel): Map<string, NodeModel> {
    let entries = this.#crashed.get(directory)
    if (!entries) {
      entries = new Map(directory.durable)
      this.#crashed.set(directory, entries)
    }
    return entries
  }

  #add(kind: NameChange['kind'], node: NodeModel, slots: Slot[]): void {
    this.#sequence++
    this.#pending.push({ sequence: this.#sequence, kind, node, slots })
  }

  #slot(path: string): Slot {
    const names = namesOf(path)
    const name = names.pop()
    if (name === undefined) throw new Error('the root has no name')
    return { directory: this.directory(names.join('/')), name }
  }
}

/** The chosen changes and all older ones that must have happened if these have. */
function withNeeded(pending: readonly NameChange[], chosen: (change: NameChange) => boolean): Set<NameChange> {
  const kept = new Set<NameChange>()
  const nodes = new Set<NodeModel>()
  const slots: Slot[] = []
  const removed = new Set<NodeModel>()
  const parents = new Set<NodeModel>()
  for (const change of pending.toReversed()) {
    const needed =
      nodes.has(change.node) ||
      parents.has(change.node) ||
      change.slots.some(
        (slot) =>
          removed.has(slot.directory) ||
          slots.some((other) => other.directory === slot.directory && other.name === slot.name),
      )
    if (!needed && !chosen(change)) continue
    kept.add(change)
    nodes.add(change.node)
    slots.push(...change.slots)
    if (change.kind === 'unlink') removed.add(change.node)
    // What is moved was durable elsewhere: the folder it moves to must be there, and that one's folder too.
    if (change.kind === 'rename') parents.add(change.slots[1]!.directory)
    else if (parents.has(change.node)) parents.add(change.slots[0]!.directory)
  }
  return kept
}

function applyTo(change: NameChange, entriesOf: (directory: DirectoryModel) => Map<string, NodeModel>): void {
  const [from, to] = change.slots
  if (change.kind === 'link') entriesOf(from!.directory).set(from!.name, change.node)
  else entriesOf(from!.directory).delete(from!.name)
  if (to) entriesOf(to.directory).set(to.name, change.node)
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '')
}
