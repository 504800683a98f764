import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ShareSessions } from './share-sessions.ts'
import type { ShareEntry, ShareSession } from './share-sessions.ts'

const topicId = 'AAAAAAAAAAAAAAAAAAAAAQ'
const entries = (...indexes: number[]): ShareEntry[] => indexes.map((index) => ({ topicId, index }))

/** A connection that ends when told to. */
function connection() {
  const callbacks = new Set<() => void>()
  const onClosed = (callback: () => void) => {
    callbacks.add(callback)
    return () => callbacks.delete(callback)
  }
  const close = () => callbacks.forEach((callback) => callback())
  return { client: { onClosed }, close }
}

describe('share sessions', () => {
  test('bound the partitions of all of them together', () => {
    const { client } = connection()
    const sessions = new ShareSessions({ sessionCountMax: 10, entryCountMax: 4 }, () => undefined)
    const ann = sessions.open(client, 'g', 'ann', entries(0, 1, 1)) as ShareSession
    assert.equal(ann.entries.size, 2)
    assert.equal(sessions.open(client, 'g', 'bob', entries(0, 1, 2)), 'SHARE_SESSION_LIMIT_REACHED')
    const bob = sessions.open(client, 'g', 'bob', entries(0, 1)) as ShareSession
    assert.equal(sessions.update(bob, entries(2), []), 'SHARE_SESSION_LIMIT_REACHED')
    assert.equal(sessions.update(ann, [], entries(0, 7)), undefined)
    assert.equal(sessions.update(bob, entries(1, 2), []), undefined)
    sessions.remove(bob)
    sessions.remove(bob)
    // Opened anew, a session gives back what it had.
    for (let round = 0; round < 3; round++)
      assert.equal(typeof sessions.open(client, 'g', 'ann', entries(0, 1, 2)), 'object')
    assert.equal(typeof sessions.open(client, 'g', 'eve', entries(0, 1)), 'string')
    assert.equal(typeof sessions.open(client, 'g', 'eve', entries(0)), 'object')
  })

  test('belong to one group and member, whatever their names', () => {
    const { client, close } = connection()
    const lost: string[] = []
    const limits = { sessionCountMax: 10, entryCountMax: 4 }
    const sessions = new ShareSessions(limits, (groupId, memberId) => lost.push(`${groupId} ${memberId}`))
    sessions.open(client, 'a', 'bc', [])
    sessions.open(client, 'ab', 'c', [])
    assert.equal(sessions.count, 2)
    assert.equal(sessions.enter(client, 'ab', 'bc', 1), 'SHARE_SESSION_NOT_FOUND')
    close()
    assert.deepEqual([lost, sessions.count], [['a bc', 'ab c'], 0])
  })

  test('begin again at 1 behind the largest epoch', () => {
    const { client } = connection()
    const sessions = new ShareSessions({ sessionCountMax: 1, entryCountMax: 1 }, () => undefined)
    const session = sessions.open(client, 'g', 'm', []) as ShareSession
    session.nextEpoch = 2 ** 31 - 1
    assert.equal(sessions.enter(client, 'g', 'm', 2 ** 31 - 1), session)
    assert.equal(sessions.enter(client, 'g', 'm', 0), 'INVALID_SHARE_SESSION_EPOCH')
    assert.equal(sessions.enter(client, 'g', 'm', 1), session)
  })
})
