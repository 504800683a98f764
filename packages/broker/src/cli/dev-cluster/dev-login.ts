import { resolve } from 'node:path'
import type { Credentials } from '@polylog/client/admin'
import type { Arguments } from '../arguments.ts'
import { UsageError } from '../exit-code.ts'
import { secretFromFile } from '../secret-input.ts'
import { shellWord } from '../shell-word.ts'

/** Who must log in to a dev cluster, as its flags say. */
export interface DevLogin {
  /** Who this program is to the brokers; undefined if nobody need log in. */
  readonly credentials: Credentials | undefined
  /** Flags of each `polylog start`. */
  readonly brokerFlags: readonly string[]
  /** What people add to the commands that they try, with a blank in front. */
  readonly clientFlags: string
}

/** @throws UsageError if one of the flags lacks the other, CommandError if the file cannot be read */
export function devLoginOf(given: Arguments): DevLogin {
  const user = given.text('user')
  const path = given.text('password-file')
  if (user === undefined && path === undefined) return { credentials: undefined, brokerFlags: [], clientFlags: '' }
  if (user === undefined) throw new UsageError('--password-file needs --user NAME')
  // All brokers must know it, and there is nobody whom three of them could ask.
  if (path === undefined) throw new UsageError('--user needs --password-file FILE')
  return {
    credentials: { user, password: secretFromFile(path) },
    brokerFlags: ['--user', user, '--password-file', resolve(path)],
    clientFlags: ` --user ${shellWord(user)} --password-file ${shellWord(path)}`,
  }
}
