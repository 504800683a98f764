/**
 * What was done to a simulated disk, in order. From such a trace every state that a crash at any point may leave can be
 * rebuilt. `file` names a file for good, whatever its path; `bytes` are a copy.
 */
export type DiskOperation =
  | { kind: 'create'; path: string; file: number }
  | { kind: 'make-directory'; path: string }
  | { kind: 'write'; path: string; file: number; position: number; bytes: Uint8Array }
  | { kind: 'truncate'; path: string; file: number; size: number }
  | { kind: 'rename'; path: string; targetPath: string }
  | { kind: 'remove'; path: string }
  | { kind: 'sync-begin'; path: string; file: number; sync: number }
  | { kind: 'sync-end'; path: string; file: number; sync: number; failed: boolean }
  | { kind: 'sync-directory-begin'; path: string; sync: number }
  | { kind: 'sync-directory-end'; path: string; sync: number; failed: boolean }
