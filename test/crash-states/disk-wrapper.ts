import type { Disk } from '../../packages/broker/src/host/disk.ts'

/** Puts a broken disk between the store and the real one; for canaries. */
export type DiskWrapper = (disk: Disk) => Disk
