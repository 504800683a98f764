import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createNodeHost } from '../../host/node/node-host.ts'
import { CommandError } from '../exit-code.ts'

const markerName = 'polylog-dev-cluster.json'
const lockName = 'lock'
/** The end of a log that is looked at for a reason. */
const logEndCharacters = 4096

/** Where a dev cluster keeps everything; one process at a time. */
export class DevDirectory {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /**
   * Makes or takes the folder. `isFresh`: with nothing of an earlier cluster in it.
   * @throws CommandError for a folder that holds something else; DiskError 'locked' while another dev cluster has it
   */
  static open(path: string, isFresh: boolean): DevDirectory {
    const isOurs = existsSync(join(path, markerName))
    if (!isOurs && existsSync(path) && readdirSync(path).length > 0) {
      throw new CommandError(
        `${path} holds something that no dev cluster has put there; name another folder with --data`,
      )
    }
    mkdirSync(path, { recursive: true })
    createNodeHost().disk.lock(join(path, lockName))
    if (isFresh) {
      for (const name of readdirSync(path)) {
        if (name !== lockName) rmSync(join(path, name), { recursive: true })
      }
    }
    writeFileSync(join(path, markerName), '{"format":1}\n')
    mkdirSync(join(path, 'logs'), { recursive: true })
    return new DevDirectory(path)
  }

  /** Data of one program. */
  dataOf(name: string): string {
    return join(this.path, name)
  }

  logOf(name: string): string {
    return join(this.path, 'logs', `${name}.log`)
  }

  /** The last line that a program has written, for the reason of its end. */
  lastWordOf(name: string): string {
    const text = readFileSync(this.logOf(name), 'utf8').slice(-logEndCharacters)
    return text.trimEnd().split('\n').at(-1) ?? ''
  }
}
