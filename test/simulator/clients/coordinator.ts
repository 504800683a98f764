import { apis } from '@polylog/wire'
import type { Session } from './session.ts'
import type { WireConnection } from './wire-connection.ts'

/** A connection to whoever coordinates a group, or the error code that was answered. @throws NoAnswer */
export async function findCoordinator(session: Session, group: string): Promise<WireConnection | number> {
  const connection = await session.any()
  const { coordinators } = await connection.exchange(apis[10], 4, { keyType: 0, coordinatorKeys: [group] }, 5000)
  const { errorCode, host, port } = coordinators[0]!
  return errorCode === 0 ? session.connect({ host, port }) : errorCode
}
