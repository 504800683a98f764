import type { Disk } from '../host/disk.ts'
import { DiskError } from '../host/disk.ts'
import type { GroupCommit } from './group-commit.ts'
import type { Log } from './log.ts'
import { producersBefore } from './producer-rebuild.ts'
import type { Segment } from './segment.ts'

export interface LogCutsOptions {
  disk: Disk
  commits: GroupCommit
  /** Writes a checkpoint, then removes the files of segments that no checkpoint names any more. */
  removeObsolete: () => Promise<void>
  checkpoint: () => Promise<void>
}

/** Takes back what a log has: for a follower whose log is not what its leader's is. */
export class LogCuts {
  readonly #options: LogCutsOptions
  /** Segments of a log that begins anew: the checkpoint lists them until their names are gone for good. */
  readonly #leaving = new WeakMap<Log, readonly Segment[]>()

  constructor(options: LogCutsOptions) {
    this.#options = options
  }

  /** Segments that `log` has given up and that recovery could not tell from its own. */
  leavingOf(log: Log): readonly Segment[] | undefined {
    return this.#leaving.get(log)
  }

  /** See `LogStore.truncate`. */
  async truncate(log: Log, offset: number): Promise<void> {
    if (offset >= log.endOffset) {
      // An epoch without a record may begin there: it was not what the others have agreed on.
      log.epochs.truncateEnd(offset)
      return
    }
    await this.#bringToRest(log)
    const producers = await producersBefore(log, offset)
    const { removed, cut } = log.truncate(Math.max(offset, log.plannedStartOffset), producers)
    this.#options.commits.truncated(log, log.endOffset)
    await this.#orFail(log, `cut at ${offset}`, async () => {
      await this.#options.removeObsolete()
      for (const segment of removed) segment.remove()
      if (cut) log.cutFile(cut)
      await this.#syncAllOf(log)
      // A file that came back after a crash would join the log once it has grown to where the file starts.
      await this.#options.disk.syncDirectory(log.directory)
    })
  }

  /** See `LogStore.restart`. */
  async restart(log: Log, offset: number): Promise<void> {
    await this.#bringToRest(log)
    const removed = log.restart(offset)
    this.#options.commits.truncated(log, offset)
    if (removed.length > 0) this.#leaving.set(log, removed)
    await this.#orFail(log, `new start at ${offset}`, async () => {
      await this.#options.removeObsolete()
      if (removed.length === 0) return
      for (const segment of removed) await segment.discard()
      await this.#options.disk.syncDirectory(log.directory)
      this.#leaving.delete(log)
      // The next segment may get the name of one that left.
      await this.#options.checkpoint()
    })
  }

  /** Everything is in synced segments, and no sync under way will call durable what is not there any more. */
  async #bringToRest(log: Log): Promise<void> {
    log.flush()
    await this.#syncAllOf(log)
    if (log.damage !== undefined) throw new DiskError('io', log.directory, log.damage)
  }

  /** Resolves when no bytes of `log` are unsynced and no sync is under way. */
  async #syncAllOf(log: Log): Promise<void> {
    const { commits } = this.#options
    while ((log.isDirty || commits.stateOf(log).syncing) && log.damage === undefined) await commits.startSync(log)
  }

  /** What was cut off may still be in the files: nothing may be appended in front of it. The next start decides. */
  async #orFail(log: Log, what: string, change: () => Promise<void>): Promise<void> {
    try {
      await change()
    } catch (error) {
      log.fail(`${what} failed: ${String(error)}`)
      throw error
    }
  }
}
