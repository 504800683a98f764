import { BrokerError } from '../../errors/errors.ts'
import type { ErrorCode } from '../../errors/errors.ts'
import type {
  ClusterAdmin,
  OngoingReassignment,
  PartitionId,
  PartitionOutcome,
  WantedReassignment,
} from '../services.ts'

/** Takes down what administrators ask for, and answers what a test has set. */
export class MemoryClusterAdmin implements ClusterAdmin {
  /** Set by a test: nothing can be done. */
  failure: ErrorCode | undefined
  /** Set by a test: why partitions of this index are refused. */
  readonly faults = new Map<number, ErrorCode>()
  ongoing: OngoingReassignment[] = []
  readonly reassignments: WantedReassignment[] = []
  readonly elections: { kind: string; indexes: number[] }[] = []

  async alterReassignments(wanted: readonly WantedReassignment[]) {
    this.#check()
    this.reassignments.push(...wanted)
    return wanted.map((each) => this.#outcomeOf(each))
  }

  listReassignments(topicIds?: ReadonlySet<string>): readonly OngoingReassignment[] {
    this.#check()
    return this.ongoing.filter(({ topicId }) => topicIds?.has(topicId) ?? true)
  }

  async electLeaders(kind: 'preferred' | 'unclean', partitions: readonly PartitionId[]) {
    this.#check()
    this.elections.push({ kind, indexes: partitions.map(({ index }) => index) })
    return partitions.map((each) => this.#outcomeOf(each))
  }

  #outcomeOf({ topicId, index }: PartitionId): PartitionOutcome {
    const code = this.faults.get(index)
    return { topicId, index, error: code && new BrokerError(code, `It is ${code}.`) }
  }

  #check(): void {
    if (this.failure !== undefined) throw new BrokerError(this.failure)
  }
}
