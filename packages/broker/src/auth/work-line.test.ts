import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { WorkLine } from './work-line.ts'

describe('work line', () => {
  /** Jobs that end when told so, and the order in which they began. */
  function jobs() {
    const begun: string[] = []
    const endings = new Map<string, () => void>()
    const job = (name: string) => () => {
      begun.push(name)
      return new Promise<string>((resolve) => endings.set(name, () => resolve(name)))
    }
    return { begun, endings, job }
  }

  test('does so many at a time, and lets sources take turns', async () => {
    const line = new WorkLine({ concurrency: 2, waitingMax: 100, waitingPerSourceMax: 100 })
    const { begun, endings, job } = jobs()
    const greedy = ['a1', 'a2', 'a3', 'a4', 'a5'].map((name) => line.run('a', job(name)))
    const modest = line.run('b', job('b1'))
    assert.deepEqual(begun, ['a1', 'a2'])
    endings.get('a1')!()
    await greedy[0]
    await greedy[0]
    endings.get('a2')!()
    await greedy[1]
    assert.deepEqual(begun, ['a1', 'a2', 'a3', 'b1'])
    for (const name of ['a3', 'b1']) endings.get(name)!()
    assert.equal(await modest, 'b1')
    await greedy[2]
    for (const name of ['a4', 'a5']) endings.get(name)!()
    assert.equal(await greedy[4], 'a5')
  })

  test('a job that fails makes room for the next one', async () => {
    const line = new WorkLine({ concurrency: 1, waitingMax: 1, waitingPerSourceMax: 1 })
    const failing = line.run('a', () => Promise.reject(new Error('no')))
    const next = line.run('a', async () => 'yes')
    await assert.rejects(failing, /no/)
    assert.equal(await next, 'yes')
  })

  test('turns work away when too much waits, of one source or in all', async () => {
    const line = new WorkLine({ concurrency: 1, waitingMax: 3, waitingPerSourceMax: 2 })
    const { endings, job } = jobs()
    const taken = [line.run('a', job('1')), line.run('a', job('2')), line.run('a', job('3'))]
    await assert.rejects(line.run('a', job('4')), { code: 'limit-exceeded' })
    taken.push(line.run('b', job('5')))
    await assert.rejects(line.run('c', job('6')), { code: 'limit-exceeded' })
    for (const [index, name] of ['1', '2', '5', '3'].entries()) {
      endings.get(name)!()
      await taken[[0, 1, 3, 2][index]!]
    }
    assert.equal(await line.run('c', async () => 'free'), 'free')
  })
})
