import type { DirectoryNode, NameChange, Slot, TreeNode } from '../memory/directory-tree.ts'

interface PendingChange<Content> {
  readonly sequence: number
  readonly change: NameChange<Content>
}

/**
 * Names on the device under the names in the page cache, and the changes that stand between them.
 *
 * A crash keeps any of these changes, within what a journaling file system allows: a change never gets there before an
 * earlier one of the same name or the same file. So a renamed file has its old name or its new one, never both or none.
 */
export class UnsyncedNames<Content> {
  readonly #durable = new Map<DirectoryNode<Content>, Map<string, TreeNode<Content>>>()
  #pending: PendingChange<Content>[] = []
  #sequence = 0

  /** Changes a crash could undo. */
  get unsyncedCount(): number {
    return this.#pending.length
  }

  add(change: NameChange<Content>): void {
    this.#sequence += 1
    this.#pending.push({ sequence: this.#sequence, change })
  }

  /** The moment up to which a sync that begins now covers changes. */
  mark(): number {
    return this.#sequence
  }

  /** A sync of `directory` begun at `mark` has succeeded. */
  commit(directory: DirectoryNode<Content>, mark: number): void {
    this.#apply((pending) => pending.sequence <= mark && slotsOf(pending.change).at(-1)!.directory === directory)
  }

  /** The machine lost power. `survives` decides for each change, oldest first; then the tree is what the device holds. */
  losePower(root: DirectoryNode<Content>, survives: (index: number, count: number) => boolean): void {
    const count = this.#pending.length
    const surviving = new Set(this.#pending.filter((_, index) => survives(index, count)))
    this.#apply((pending) => surviving.has(pending))
    this.#pending = []
    this.#restore(root)
  }

  #restore(directory: DirectoryNode<Content>): void {
    directory.entries.clear()
    for (const [name, node] of this.#durable.get(directory) ?? []) {
      directory.entries.set(name, node)
      if (node.kind === 'directory') this.#restore(node)
    }
  }

  #apply(chosen: (pending: PendingChange<Content>) => boolean): void {
    const dependencies = new Dependencies<Content>()
    const kept = new Set<PendingChange<Content>>()
    for (const pending of this.#pending.toReversed()) {
      if (!chosen(pending) && !dependencies.include(pending.change)) continue
      kept.add(pending)
      dependencies.add(pending.change)
    }
    for (const pending of this.#pending) if (kept.has(pending)) this.#makeDurable(pending.change)
    this.#pending = this.#pending.filter((pending) => !kept.has(pending))
  }

  #makeDurable(change: NameChange<Content>): void {
    if (change.kind === 'link') return void this.#names(change.slot.directory).set(change.slot.name, change.node)
    this.#names(change.slot.directory).delete(change.slot.name)
    if (change.kind === 'rename') this.#names(change.target.directory).set(change.target.name, change.node)
  }

  #names(directory: DirectoryNode<Content>): Map<string, TreeNode<Content>> {
    let names = this.#durable.get(directory)
    if (names === undefined) {
      names = new Map()
      this.#durable.set(directory, names)
    }
    return names
  }
}

/** What the changes looked at so far, from the newest back, need of older ones. */
class Dependencies<Content> {
  readonly #slots = new Map<DirectoryNode<Content>, Set<string>>()
  readonly #nodes = new Set<TreeNode<Content>>()
  /** Folders that must be there because something that was durable has moved into them. */
  readonly #parents = new Set<TreeNode<Content>>()
  /** Folders that are gone: all that left them before must have left. */
  readonly #removed = new Set<TreeNode<Content>>()

  include(change: NameChange<Content>): boolean {
    if (this.#nodes.has(change.node) || this.#parents.has(change.node)) return true
    return slotsOf(change).some(
      (slot) => this.#removed.has(slot.directory) || this.#slots.get(slot.directory)?.has(slot.name) === true,
    )
  }

  add(change: NameChange<Content>): void {
    for (const slot of slotsOf(change)) {
      const names = this.#slots.get(slot.directory)
      if (names === undefined) this.#slots.set(slot.directory, new Set([slot.name]))
      else names.add(slot.name)
    }
    this.#nodes.add(change.node)
    if (change.kind === 'rename') this.#parents.add(change.target.directory)
    else if (change.kind === 'unlink') this.#removed.add(change.node)
    else if (this.#parents.has(change.node)) this.#parents.add(change.slot.directory)
  }
}

function slotsOf<Content>(change: NameChange<Content>): Slot<Content>[] {
  return change.kind === 'rename' ? [change.slot, change.target] : [change.slot]
}
