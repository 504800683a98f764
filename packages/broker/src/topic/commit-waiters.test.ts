import { deepEqual } from 'node:assert/strict'
import { it } from 'node:test'
import { CommitWaiters } from './commit-waiters.ts'

function collector(): { calls: string[]; waiter: (name: string) => (fault: { code: string } | undefined) => void } {
  const calls: string[] = []
  return { calls, waiter: (name) => (fault) => calls.push(fault ? `${name}: ${fault.code}` : name) }
}

it('calls back in offset order, and only up to the high watermark', () => {
  const waiters = new CommitWaiters()
  const { calls, waiter } = collector()
  for (const offset of [1, 3, 5]) waiters.add(offset, waiter(String(offset)))
  waiters.release(3)
  deepEqual(calls, ['1', '3'])
  waiters.release(4)
  deepEqual(calls, ['1', '3'])
  waiters.release(9)
  deepEqual(calls, ['1', '3', '5'])
})

it('puts a repeated batch, which waits for an earlier offset, in its place', () => {
  const waiters = new CommitWaiters()
  const { calls, waiter } = collector()
  waiters.add(10, waiter('10'))
  waiters.add(4, waiter('4'))
  waiters.add(10, waiter('10 again'))
  waiters.release(5)
  deepEqual(calls, ['4'])
  waiters.release(10)
  deepEqual(calls, ['4', '10', '10 again'])
})

it('tells all who still wait of a fault, once', () => {
  const waiters = new CommitWaiters()
  const { calls, waiter } = collector()
  waiters.add(1, waiter('1'))
  waiters.add(2, waiter('2'))
  waiters.release(1)
  waiters.fail({ code: 'storage', detail: '' })
  waiters.release(99)
  deepEqual(calls, ['1', '2: storage'])
})

it('lets a callback wait again', () => {
  const waiters = new CommitWaiters()
  const { calls, waiter } = collector()
  waiters.add(1, () => waiters.add(2, waiter('second')))
  waiters.release(1)
  deepEqual(calls, [])
  waiters.release(2)
  deepEqual(calls, ['second'])
})

it('keeps its order over many waiters', () => {
  const waiters = new CommitWaiters()
  const seen: number[] = []
  for (let i = 1; i <= 20_000; i++) {
    waiters.add(i, () => seen.push(i))
    if (i % 7 === 0) waiters.release(i - 3)
  }
  waiters.release(20_000)
  deepEqual(
    seen,
    Array.from({ length: 20_000 }, (_, i) => i + 1),
  )
})
