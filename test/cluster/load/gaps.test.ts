import { deepEqual, equal } from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import { spreadOf } from '../harness/figures.ts'
import { Gaps } from './gaps.ts'

describe('gaps in service', () => {
  it('counts from the last service before the time to the first behind it, and to its end if there is none', () => {
    let nowMs = 0
    mock.method(performance, 'now', () => nowMs)
    const gaps = new Gaps()
    for (nowMs of [100, 200, 900, 1000]) gaps.served()
    mock.restoreAll()
    equal(gaps.longest(300, 1000), 700)
    equal(gaps.longest(300, 500), 300)
    equal(gaps.longest(950, 2000), 1000)
    equal(gaps.longest(100, 190), 90)
    equal(gaps.nextAfter(200), 900)
    equal(gaps.nextAfter(1000), undefined)
  })

  it('percentiles are measurements, by nearest rank', () => {
    deepEqual(spreadOf([3, 1, 2]), { count: 3, least: 1, p50: 2, p99: 3, most: 3 })
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1)
    deepEqual(spreadOf(hundred), { count: 100, least: 1, p50: 50, p99: 99, most: 100 })
  })
})
