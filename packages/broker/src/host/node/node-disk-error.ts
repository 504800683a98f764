import { DiskError } from '../disk.ts'
import type { DiskErrorKind } from '../disk.ts'

const kindOfCode: Readonly<Record<string, DiskErrorKind>> = {
  ENOENT: 'not-found',
  ENOTDIR: 'not-found',
  EEXIST: 'exists',
  ENOSPC: 'full',
  EDQUOT: 'full',
  EIO: 'io',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'read-only',
  EMFILE: 'too-many-files',
  ENFILE: 'too-many-files',
}

/** The errno name of a failed system call, '' for any other error. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return ''
}

/** Turns a failure of node:fs into a DiskError. What carries no errno is a bug, not a disk failure, and comes back as is. */
export function diskErrorOf(error: unknown, path: string): unknown {
  const code = codeOf(error)
  if (!(error instanceof Error) || code === '' || code.startsWith('ERR_')) return error
  return new DiskError(kindOfCode[code] ?? 'other', path, error.message, { cause: error })
}
