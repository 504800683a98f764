/** Bounds of the embedded store. */
export interface EmbeddedStoreLimits {
  /** Revisions whose changes are kept for watches and past reads. */
  historyRevisionsMax: number
  /** Bytes of those changes; older ones go first. */
  historyBytesMax: number
  /** Bytes of live keys and values beyond which puts are refused. */
  bytesLiveMax: number
  /** Entries may take this many bytes, and twice the snapshot before them, before a new snapshot replaces both. */
  entriesBytesMin: number
  /** Writes that wait for the disk. */
  pendingCountMax: number
  /** Bytes of those writes. */
  pendingBytesMax: number
  leasesMax: number
  watchesMax: number
}

export const embeddedStoreLimits: Readonly<EmbeddedStoreLimits> = {
  historyRevisionsMax: 10_000,
  historyBytesMax: 64 * 1024 * 1024,
  bytesLiveMax: 256 * 1024 * 1024,
  entriesBytesMin: 1024 * 1024,
  pendingCountMax: 10_000,
  pendingBytesMax: 64 * 1024 * 1024,
  leasesMax: 10_000,
  watchesMax: 10_000,
}
