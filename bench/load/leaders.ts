import type { Address, Job } from './job.ts'

/** A broker and those of some partitions that it leads. */
export interface Leader {
  readonly address: Address
  readonly partitions: readonly number[]
}

/** Deals partitions out to the brokers that lead them, those without any left out; throws `UnsettledCluster` if nobody leads one. */
export function leadersOf(job: Pick<Job, 'brokers' | 'leaders'>, partitions: readonly number[]): Leader[] {
  const led = new Map<number, number[]>()
  for (const partition of partitions) {
    const broker = job.leaders?.[partition] ?? 0
    const already = led.get(broker)
    if (already === undefined) led.set(broker, [partition])
    else already.push(partition)
  }
  return [...led].map(([broker, ofBroker]) => {
    const address = job.brokers[broker]
    if (address === undefined) throw new UnsettledCluster(`nobody leads partition ${ofBroker[0]}`)
    return { address, partitions: ofBroker }
  })
}

/** NOT_LEADER_OR_FOLLOWER. */
const NOT_LEADER = 6

/** A leader moved or a replica fell behind: the window measures something else than what it is for and is thrown away. */
export class UnsettledCluster extends Error {}

/** Throws it for the error code which says that another broker leads than when the load began. */
export function checkLeader(errorCode: number): void {
  if (errorCode === NOT_LEADER) throw new UnsettledCluster('the leader of a partition moved within the window')
}
