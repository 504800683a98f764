import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * - `writes`: every write to a file waits (the file system is frozen), so the broker hangs where it writes.
 * - `device`: writes go to the page cache, and syncs wait (the device takes one byte a second).
 */
export type StallKind = 'writes' | 'device'

const sizeMib = 512
const throttle = '/sys/fs/cgroup/blkio'

/** A file system in a file that can be made to stall. Linux and root only. */
export class StallableDisk implements Disposable {
  /** Where the file system is. */
  readonly folder: string
  /** What to put in front of a program so that its syncs stall too. */
  readonly command: readonly string[]
  readonly #directory = mkdtempSync(join(tmpdir(), 'polylog-stall-'))
  readonly #group = `${throttle}/polylog-${process.pid}`
  readonly #loop: string
  readonly #device: string
  #stalled: StallKind | undefined
  readonly #removeAtExit = (): void => this[Symbol.dispose]()

  private constructor() {
    const image = join(this.#directory, 'image')
    this.folder = join(this.#directory, 'mounted')
    mkdirSync(this.folder)
    run('truncate', '--size', `${sizeMib}M`, image)
    run('mkfs.ext4', '-q', image)
    const loop = run('losetup', '--find', '--show', image)
    run('mount', loop, this.folder)
    const { rdev } = statSync(loop)
    this.#device = `${(rdev >> 8) & 0xfff}:${rdev & 0xff}`
    this.#loop = loop
    mkdirSync(this.#group)
    this.command = ['sh', '-c', `echo $$ > ${this.#group}/cgroup.procs; exec "$@"`, 'sh']
    process.once('exit', this.#removeAtExit)
  }

  static make(): StallableDisk {
    return new StallableDisk()
  }

  stall(kind: StallKind): void {
    this.#stalled = kind
    if (kind === 'writes') run('fsfreeze', '--freeze', this.folder)
    else this.#limit(1)
  }

  resume(): void {
    const kind = this.#stalled
    this.#stalled = undefined
    if (kind === 'writes') run('fsfreeze', '--unfreeze', this.folder)
    if (kind === 'device') this.#limit(0)
  }

  [Symbol.dispose](): void {
    process.removeListener('exit', this.#removeAtExit)
    this.resume()
    tryToRun('umount', '--lazy', this.folder)
    tryToRun('losetup', '--detach', this.#loop)
    tryToRun('rmdir', this.#group)
    rmSync(this.#directory, { recursive: true, force: true })
  }

  /** @param bytesPerSecond that the device takes from the program; 0 for no limit */
  #limit(bytesPerSecond: number): void {
    writeFileSync(`${this.#group}/blkio.throttle.write_bps_device`, `${this.#device} ${bytesPerSecond}`)
  }
}

/** Why disks cannot be stalled here, or undefined if they can. */
export function whyNoStalls(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'loop devices need Linux and root'
  for (const program of ['losetup', 'mkfs.ext4', 'fsfreeze']) {
    if (!tryToRun(program, '-V')) return `there is no ${program} on the PATH`
  }
  try {
    writeFileSync(`${throttle}/blkio.throttle.write_bps_device`, '')
  } catch {
    return 'there is no blkio controller of cgroups v1'
  }
  return tryToRun('losetup', '--find') ? undefined : 'there is no free loop device'
}

function tryToRun(program: string, ...words: readonly string[]): boolean {
  return spawnSync(program, words).status === 0
}

function run(program: string, ...words: readonly string[]): string {
  const { status, error, stdout, stderr } = spawnSync(program, words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${words.join(' ')}: ${error?.message ?? stderr.trim()}`)
  return stdout.trim()
}
