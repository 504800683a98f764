import { ClientError } from '../client-error.ts'
import type { Environment } from '../environment.ts'
import { partitionOf } from '../partitioner.ts'

/** What a partitioner is told of a message. */
export interface PartitionedMessage {
  topic: string
  partitionCount: number
  key: Uint8Array | null
  /** Bytes of the record, about. */
  size: number
}

/**
 * Chooses a partition, from 0 to below `partitionCount`. One function serves one producer, all its topics.
 */
export type Partitioner = (message: PartitionedMessage) => number

/**
 * How messages without a key are spread; those with one go by its murmur2 hash, as with Java's clients.
 * `uniform`: to one partition until about 64 KiB are full, then to another one by chance, so that batches are large;
 * `round-robin`: each to the next; `weighted`: in proportion; a function decides for messages with keys as well.
 */
export type PartitionerOption = 'uniform' | 'round-robin' | { readonly weighted: readonly number[] } | Partitioner

const stickyBytesDefault = 64 * 1024

/** @throws ClientError 'invalid-options' */
export function partitionerOf(option: PartitionerOption, environment: Environment): Partitioner {
  if (typeof option === 'function') return option
  if (option === 'uniform') return uniformPartitioner(environment)
  if (option === 'round-robin') return keyed(roundRobin(environment))
  if (typeof option === 'object' && Array.isArray(option.weighted)) return keyed(weighted(option.weighted))
  throw new ClientError('invalid-options', `there is no partitioner ${JSON.stringify(option)}`)
}

/** @param stickyBytes of messages without a key go to one partition before the next is chosen */
export function uniformPartitioner(environment: Environment, stickyBytes = stickyBytesDefault): Partitioner {
  return keyed(uniform(environment, stickyBytes))
}

function keyed(keyless: Partitioner): Partitioner {
  return (message) => (message.key === null ? keyless(message) : partitionOf(message.key, message.partitionCount))
}

function uniform(environment: Environment, stickyBytes: number): Partitioner {
  const current = new Map<string, { partition: number; bytes: number }>()
  return ({ topic, partitionCount, size }) => {
    let sticky = current.get(topic)
    if (sticky === undefined || sticky.bytes >= stickyBytes || sticky.partition >= partitionCount) {
      // Any but the one that was full, each as likely.
      const others = sticky === undefined || sticky.partition >= partitionCount ? partitionCount : partitionCount - 1
      let partition = others === 0 ? 0 : Math.floor(environment.random() * others)
      if (others === partitionCount - 1 && others > 0 && partition >= sticky!.partition) partition++
      sticky = { partition, bytes: 0 }
      current.set(topic, sticky)
    }
    sticky.bytes += size
    return sticky.partition
  }
}

function roundRobin(environment: Environment): Partitioner {
  const next = new Map<string, number>()
  return ({ topic, partitionCount }) => {
    // Not all producers begin with partition 0.
    const turn = next.get(topic) ?? Math.floor(environment.random() * partitionCount)
    next.set(topic, turn + 1)
    return turn % partitionCount
  }
}

/**
 * Smooth weighted round robin: the partition with the most credit is chosen and pays the sum of all weights, so that turns of
 * a heavy partition are spread among those of the others. A partition without a weight has 1.
 */
function weighted(weights: readonly number[]): Partitioner {
  for (const weight of weights) {
    if (!Number.isFinite(weight) || weight < 0) throw new ClientError('invalid-options', `a weight cannot be ${weight}`)
  }
  const credits = new Map<string, number[]>()
  return ({ topic, partitionCount }) => {
    let credit = credits.get(topic)
    if (credit === undefined || credit.length !== partitionCount) {
      credit = Array.from({ length: partitionCount }, () => 0)
      credits.set(topic, credit)
    }
    let sum = 0
    let best = 0
    for (let i = 0; i < partitionCount; i++) {
      const weight = weights[i] ?? 1
      sum += weight
      credit[i]! += weight
      if (credit[i]! > credit[best]!) best = i
    }
    if (sum === 0) throw new ClientError('invalid-options', `every weight of topic "${topic}" is 0`)
    credit[best]! -= sum
    return best
  }
}
