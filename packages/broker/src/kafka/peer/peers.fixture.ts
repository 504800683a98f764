import type { Host } from '../../host/host.ts'
import { createNodeHost } from '../../host/node/node-host.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import type { PeerFetchRequest } from '../../replica/peers.ts'

export const followerId = 2
export const brokerEpoch = 77

/** Where leader and follower live, and how time passes there. */
export interface World {
  readonly leader: Host
  readonly follower: Host
  readonly leaderName: string
  /** Lets things happen until the promise settles. */
  complete<T>(promise: Promise<T>): Promise<T>
  /** Breaks the connections there are. */
  readonly simulated: SimulatedWorld | undefined
}

export function simulatedWorld(seed: number): World {
  const simulated = new SimulatedWorld(seed)
  const leader = simulated.node('leader').host
  const follower = simulated.node('follower').host
  return {
    leader,
    follower,
    leaderName: 'leader',
    simulated,
    complete: (promise) => simulated.scheduler.complete(promise),
  }
}

export function realWorld(): World {
  const host = createNodeHost()
  return { leader: host, follower: host, leaderName: '127.0.0.1', simulated: undefined, complete: (promise) => promise }
}

/** A request of the follower, for nothing unless `given` says otherwise. */
export function makeRequest(given: Partial<PeerFetchRequest>): PeerFetchRequest {
  const changed = given.changed ?? []
  return {
    replicaId: followerId,
    replicaEpoch: brokerEpoch,
    waitMsMax: 0,
    bytesMin: 1,
    bytesMax: 1_000_000,
    changed,
    removed: [],
    all: () => changed,
    ...given,
  }
}
