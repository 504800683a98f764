import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
import { DiskError } from '../disk.ts'
import { codeOf } from './node-disk-error.ts'

const attemptsMax = 5

/**
 * Takes the lock file at `path`, which names the holder by pid and, where /proc tells, by its start: a pid is given
 * again, in a container nearly always, and then names another process.
 *
 * Two processes may find the same dead holder at once. Each moves the file aside and looks at what it has moved: only
 * one gets the dead one's; who has caught the lock of the quicker one puts it back and finds it held.
 */
export function takeLock(path: string): { release(): void } {
  const own = `${process.pid} ${startOf(process.pid)}\n`
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    if (makeWith(path, own)) return new Lock(path, own)
    const holder = read(path)
    if (holder === undefined) continue
    const pid = livePid(holder)
    if (pid !== undefined) {
      throw new DiskError('locked', path, `held by the running process ${pid}; stop it, or use another data directory`)
    }
    moveAside(path, holder)
  }
  throw new DiskError('locked', path, 'several processes are fighting for it')
}

/** Makes the file with all its content in one step, so that nobody can read half of it. */
function makeWith(path: string, content: string): boolean {
  const draft = `${path}.${process.pid}-${threadId}.draft`
  writeFileSync(draft, content)
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    return makeWithoutLink(path, content, error)
  } finally {
    unlinkSync(draft)
  }
}

/** Some file systems know no hard links. There the content comes a moment after the name. */
function makeWithoutLink(path: string, content: string, linkError: unknown): boolean {
  if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(codeOf(linkError))) throw linkError
  try {
    writeFileSync(path, content, { flag: 'wx' })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

function moveAside(path: string, deadHolder: string): void {
  const aside = `${path}.${process.pid}-${threadId}.stale`
  try {
    renameSync(path, aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  if (read(aside) === deadHolder) unlinkSync(aside)
  else renameSync(aside, path)
}

class Lock {
  readonly #path: string
  readonly #own: string
  #released = false

  constructor(path: string, own: string) {
    this.#path = path
    this.#own = own
  }

  /** Once only: the same process may have taken the lock again, with the same content. */
  release(): void {
    if (!this.#released && read(this.#path) === this.#own) unlinkSync(this.#path)
    this.#released = true
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** The pid named in the lock if that very process still runs. Content that names none was left by a crash. */
function livePid(holder: string): number | undefined {
  const match = /^(\d{1,10}) ([\w-]+)\n$/.exec(holder)
  if (match === null) return undefined
  const pid = Number(match[1])
  if (!runs(pid)) return undefined
  const start = startOf(pid)
  return start === unknownStart || match[2] === unknownStart || start === match[2] ? pid : undefined
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // A process of another user may not be signalled, but it is there.
    return codeOf(error) === 'EPERM'
  }
}

const unknownStart = 'unknown'

/** Boot id and start time in clock ticks since boot (field 22 of /proc/<pid>/stat, see proc(5)). */
function startOf(pid: number): string {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is the command in parentheses and may itself contain blanks and parentheses.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ')
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}-${fields[19] ?? ''}`
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ESRCH', 'EPERM'].includes(codeOf(error))) return unknownStart
    throw error
  }
}
