import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ErrorName } from '@polylog/wire'
import { errorCodes } from '@polylog/wire'
import { errorTable } from '../errors/errors.ts'
import type { ErrorCode } from '../errors/errors.ts'
import { kafkaErrorCode, kafkaErrorNames } from './error-codes.ts'

/** Kafka calls these final because clients answer them with a new JoinGroup, not with the same request again. */
const differing: ErrorCode[] = ['member-id-required', 'rebalance-in-progress']

test('every failure has a number of Kafka, as retriable as the failure itself', () => {
  const unlike: string[] = []
  for (const [code, name] of Object.entries(kafkaErrorNames) as [ErrorCode, ErrorName][]) {
    assert.equal(kafkaErrorCode(code), errorCodes[name].code)
    if (errorTable[code].retriable !== errorCodes[name].retriable) unlike.push(code)
  }
  assert.deepEqual(unlike.toSorted(), differing)
})

test('no failure is 0', () => {
  assert.equal(kafkaErrorCode(undefined), 0)
  assert.equal(kafkaErrorCode(null), 0)
})
