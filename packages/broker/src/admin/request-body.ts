import { suggestionFor } from '../config/nearest.ts'
import type { HttpRequest } from '../host/http.ts'
import { badRequest } from './api-error.ts'

/** Most partitions that one request may name. */
const partitionsPerRequestMax = 10_000
const brokerIdMax = 2147483647
const replicasPerPartitionMax = 100

export type Fields = Readonly<Record<string, unknown>>

/**
 * The fields of a body that is a JSON object; an empty body has none.
 * @throws ApiError 400 if it is no object, or has a field that is not `known`
 */
export function readBody(request: HttpRequest, known: readonly string[]): Fields {
  const text = Buffer.from(request.body).toString('utf8')
  if (text.trim() === '') return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw badRequest(`The body is not JSON: ${error.message.slice(0, 200)}`)
  }
  return readFields(value, 'the body', known)
}

/** A path parameter that must be a broker id. @throws ApiError 400 */
export function readBrokerId(text: string): number {
  const id = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (!(id <= brokerIdMax)) throw badRequest(`A broker id is a whole number from 0 to ${brokerIdMax}.`)
  return id
}

export interface NamedPartition {
  readonly topic: string
  readonly partition: number
}

/** `[{"topic":"a","partition":0}, …]` with what else `known` names. @throws ApiError 400 */
export function readPartitions(value: unknown, known: readonly string[] = []): (NamedPartition & Fields)[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > partitionsPerRequestMax) {
    throw badRequest(`"partitions" must be a list of 1 to ${partitionsPerRequestMax} partitions.`)
  }
  return (value as unknown[]).map((each) => {
    const fields = readFields(each, 'an element of "partitions"', ['topic', 'partition', ...known])
    const { topic, partition } = fields
    if (typeof topic !== 'string') throw badRequest('Each partition needs "topic", a text.')
    if (!isWhole(partition)) throw badRequest('Each partition needs "partition", a whole number.')
    return { ...fields, topic, partition }
  })
}

/** Broker ids, or null. @throws ApiError 400 */
export function readReplicas(value: unknown): readonly number[] | null {
  if (value === null) return null
  if (!Array.isArray(value) || value.length > replicasPerPartitionMax || !(value as unknown[]).every(isWhole)) {
    throw badRequest('"replicas" must be a list of broker ids, or null to take back the move under way.')
  }
  return value as number[]
}

function readFields(value: unknown, what: string, known: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badRequest(`${what[0]!.toUpperCase()}${what.slice(1)} must be a JSON object.`)
  }
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue
    const there = known.length === 0 ? 'there is none' : `there are ${known.join(', ')}`
    throw badRequest(`Unknown field "${name.slice(0, 100)}" in ${what}; ${there}${suggestionFor(name, known)}.`)
  }
  return value as Fields
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= brokerIdMax
}
