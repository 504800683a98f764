import { DiskError } from '../disk.ts'

export interface FileNode<Content> {
  readonly kind: 'file'
  readonly content: Content
}

export interface DirectoryNode<Content> {
  readonly kind: 'directory'
  readonly entries: Map<string, TreeNode<Content>>
}

export type TreeNode<Content> = FileNode<Content> | DirectoryNode<Content>

/** A name in a folder; the unit in which names change and become durable. */
export interface Slot<Content> {
  readonly directory: DirectoryNode<Content>
  readonly name: string
}

/** One change of names, told after it was made. */
export type NameChange<Content> =
  | { kind: 'link'; path: string; slot: Slot<Content>; node: TreeNode<Content> }
  | { kind: 'unlink'; path: string; slot: Slot<Content>; node: TreeNode<Content> }
  | {
      kind: 'rename'
      path: string
      targetPath: string
      slot: Slot<Content>
      target: Slot<Content>
      node: TreeNode<Content>
      replaced: TreeNode<Content> | undefined
    }

/**
 * Folders and names of a file system in memory, with the rules and errors of POSIX calls. Paths are separated by '/';
 * '', '.' and a leading '/' mean nothing, so 'a/b' and '/a/./b' are the same file.
 */
export class DirectoryTree<Content> {
  readonly root: DirectoryNode<Content> = { kind: 'directory', entries: new Map() }
  readonly #makeContent: () => Content
  readonly #changed: (change: NameChange<Content>) => void

  constructor(makeContent: () => Content, changed: (change: NameChange<Content>) => void) {
    this.#makeContent = makeContent
    this.#changed = changed
  }

  /** What stands at `path`, if anything. */
  find(path: string): TreeNode<Content> | undefined {
    let node: TreeNode<Content> = this.root
    for (const name of namesOf(path)) {
      const next: TreeNode<Content> | undefined = node.kind === 'directory' ? node.entries.get(name) : undefined
      if (next === undefined) return undefined
      node = next
    }
    return node
  }

  directory(path: string): DirectoryNode<Content> {
    const node = this.find(path)
    if (node?.kind !== 'directory') throw notFound(path)
    return node
  }

  /** The file at `path`, made if `mode` says so; the modes are those of Disk.open. */
  open(path: string, mode: 'read' | 'write' | 'create'): FileNode<Content> {
    const slot = this.#slot(path)
    const found = slot.directory.entries.get(slot.name)
    if (found !== undefined) {
      if (mode === 'create') throw new DiskError('exists', path, 'exists already')
      if (found.kind === 'directory') throw new DiskError('other', path, 'is a folder')
      return found
    }
    if (mode === 'read') throw notFound(path)
    const node: FileNode<Content> = { kind: 'file', content: this.#makeContent() }
    this.#link(path, slot, node)
    return node
  }

  makeDirectory(path: string): void {
    let directory = this.root
    let reached = path.startsWith('/') ? '/' : ''
    for (const name of namesOf(path)) {
      reached += reached === '' || reached === '/' ? name : `/${name}`
      let next = directory.entries.get(name)
      if (next?.kind === 'file') throw new DiskError('exists', path, `${reached} is a file`)
      if (next === undefined) {
        next = { kind: 'directory', entries: new Map() }
        this.#link(reached, { directory, name }, next)
      }
      directory = next
    }
  }

  rename(path: string, targetPath: string): void {
    const slot = this.#slot(path)
    const node = slot.directory.entries.get(slot.name)
    if (node === undefined) throw notFound(path)
    const target = this.#slot(targetPath)
    const replaced = target.directory.entries.get(target.name)
    if (replaced === node) return
    if (replaced?.kind === 'directory' && (node.kind === 'file' || replaced.entries.size > 0)) {
      throw new DiskError('other', targetPath, 'a folder that is not empty cannot be replaced')
    }
    if (node.kind === 'directory') {
      if (replaced?.kind === 'file') throw notFound(targetPath)
      if (this.#holds(node, target.directory)) throw new DiskError('other', path, 'cannot be moved into itself')
    }
    slot.directory.entries.delete(slot.name)
    target.directory.entries.set(target.name, node)
    this.#changed({ kind: 'rename', path, targetPath, slot, target, node, replaced })
  }

  remove(path: string): void {
    const slot = this.#slotIfAny(path)
    const node = slot?.directory.entries.get(slot.name)
    if (slot === undefined || node === undefined) return
    if (node.kind === 'directory') throw new DiskError('other', path, 'is a folder')
    this.#unlink(path, slot, node)
  }

  removeDirectory(path: string): void {
    const slot = this.#slotIfAny(path)
    const node = slot?.directory.entries.get(slot.name)
    if (slot === undefined || node === undefined) return
    // A name is forgotten after all below it, as a real removal does, for a crash may leave it half done.
    if (node.kind === 'directory') for (const name of node.entries.keys()) this.removeDirectory(`${path}/${name}`)
    this.#unlink(path, slot, node)
  }

  #holds(directory: DirectoryNode<Content>, sought: DirectoryNode<Content>): boolean {
    if (directory === sought) return true
    for (const entry of directory.entries.values()) {
      if (entry.kind === 'directory' && this.#holds(entry, sought)) return true
    }
    return false
  }

  #link(path: string, slot: Slot<Content>, node: TreeNode<Content>): void {
    slot.directory.entries.set(slot.name, node)
    this.#changed({ kind: 'link', path, slot, node })
  }

  #unlink(path: string, slot: Slot<Content>, node: TreeNode<Content>): void {
    slot.directory.entries.delete(slot.name)
    this.#changed({ kind: 'unlink', path, slot, node })
  }

  #slot(path: string): Slot<Content> {
    const slot = this.#slotIfAny(path)
    if (slot === undefined) throw notFound(path)
    return slot
  }

  /** Where the last name of `path` stands or would stand; undefined if its folder is missing. */
  #slotIfAny(path: string): Slot<Content> | undefined {
    const names = namesOf(path)
    const name = names.pop()
    if (name === undefined) throw new DiskError('other', path, 'is the root')
    const directory = this.find(names.join('/'))
    return directory?.kind === 'directory' ? { directory, name } : undefined
  }
}

function namesOf(path: string): string[] {
  const names: string[] = []
  for (const name of path.split('/')) {
    if (name === '..') names.pop()
    else if (name !== '' && name !== '.') names.push(name)
  }
  return names
}

function notFound(path: string): DiskError {
  return new DiskError('not-found', path, 'no such file or folder')
}
