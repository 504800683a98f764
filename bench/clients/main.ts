// A process of producers or of consumers: answers commands that come over IPC, one load at a time. Apart from the harness and
// from each other, so that neither waits for the other's turn of the event loop.
import { ClientHost } from './client-host.ts'
import type { Message } from './client-host.ts'

// At the end of a run the harness may be gone in the middle of a report.
const host = new ClientHost((report) => void (process.connected && process.send?.(report, () => undefined)))
process.on('message', (message: Message) => host.take(message))
// The harness is gone: there is nobody left to measure for.
process.on('disconnect', () => process.exit(0))
