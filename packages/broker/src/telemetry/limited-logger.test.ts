import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LogFields } from './logger.ts'
import { LimitedLogger } from './limited-logger.ts'

/** A logger on a clock of its own, and the lines that come through. */
function limited() {
  const lines: string[] = []
  const timers = new Set<{ dueMs: number; callback: () => void }>()
  let nowMs = 0
  const line = (level: string) => (event: string, fields?: LogFields) => {
    lines.push([level, event, ...Object.values(fields ?? {})].join(' '))
  }
  const inner = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
  const clock = {
    monotonicMs: () => nowMs,
    startTimer(delayMs: number, callback: () => void) {
      const timer = { dueMs: nowMs + delayMs, callback }
      timers.add(timer)
      return { cancel: () => void timers.delete(timer) }
    },
  }
  const advance = (ms: number): void => {
    nowMs += ms
    for (const timer of timers) if (timer.dueMs <= nowMs && timers.delete(timer)) timer.callback()
  }
  const logger = new LimitedLogger({ logger: inner, clock, lineCountMax: 3, intervalMs: 1000 })
  return { logger, lines, advance, timers }
}

describe('a limited logger', () => {
  it('lets so many lines of a kind through, then says how many more there were', () => {
    const { logger, lines, advance, timers } = limited()
    for (let peer = 0; peer < 500; peer++) logger.warn('garbage', { peer })
    assert.deepEqual(lines, ['warn garbage 0', 'warn garbage 1', 'warn garbage 2'])
    advance(1000)
    assert.equal(lines[3], 'warn more lines of one kind were left out garbage 497')
    logger.warn('garbage', { peer: 1000 })
    assert.equal(lines[4], 'warn garbage 1000')
    assert.equal(timers.size, 0)
  })

  it('counts kinds by themselves, and leaves debug alone', () => {
    const { logger, lines } = limited()
    for (let i = 0; i < 5; i++) {
      logger.error('a')
      logger.warn('a')
      logger.info('b')
      logger.debug('c')
    }
    const counts = Map.groupBy(lines, (each) => each)
    assert.deepEqual(
      [...counts].map(([line, { length }]) => [line, length]),
      [
        ['error a', 3],
        ['warn a', 3],
        ['info b', 3],
        ['debug c', 5],
      ],
    )
  })

  it('leaves nothing out of what comes slowly', () => {
    const { logger, lines, advance } = limited()
    for (let i = 0; i < 20; i++) {
      logger.warn('now and then')
      advance(400)
    }
    assert.equal(lines.length, 20)
  })

  it('tells the rest at the end, once', () => {
    const { logger, lines, advance } = limited()
    for (let i = 0; i < 5; i++) logger.warn('x')
    logger.end()
    advance(5000)
    logger.end()
    assert.deepEqual(lines.slice(3), ['warn more lines of one kind were left out x 2'])
  })
})
