import { BrokerError } from './errors/errors.ts'
import type { Disk } from './host/disk.ts'

const passwordBytesMax = 4096

/**
 * The first line of a file that a setting names.
 * @throws BrokerError 'invalid-config' naming the setting and the file
 */
export function readPasswordFile(disk: Disk, setting: string, path: string): string {
  const size = disk.sizeOf(path)
  if (size === undefined || size > passwordBytesMax) {
    const what = size === undefined ? 'there is no such file' : 'the file is too large for a password'
    throw new BrokerError('invalid-config', `${setting} ${path}: ${what}`)
  }
  const file = disk.open(path, 'read')
  const bytes = Buffer.alloc(size)
  try {
    file.readNow(bytes, 0)
  } finally {
    file.close()
  }
  return bytes.toString().split(/\r?\n/, 1)[0]!
}
