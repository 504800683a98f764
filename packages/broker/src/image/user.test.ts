import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { noLease } from '../cluster/metadata-store.ts'
import { ClusterImage } from './cluster-image.ts'
import type { Unreadable } from './cluster-image.ts'
import { userKey } from './keys.ts'
import { decodeUser, encodeUser } from './user.ts'
import type { ScramCredential, ScramMechanism } from './user.ts'

const credential = (bytes: number): ScramCredential => ({
  salt: Buffer.from('salt'),
  iterations: 4096,
  storedKey: Buffer.alloc(bytes, 1),
  serverKey: Buffer.alloc(bytes, 2),
})
const both = new Map<ScramMechanism, ScramCredential>([
  ['SCRAM-SHA-256', credential(32)],
  ['SCRAM-SHA-512', credential(64)],
])

describe('users of the image', () => {
  test('are read as they were written', () => {
    assert.deepEqual(decodeUser('a/b', encodeUser(both), 7), { name: 'a/b', credentials: both, modRevision: 7 })
  })

  const unreadable = {
    'no JSON': 'wonderland',
    'no user': '[]',
    nothing: 'null',
    'no credential': '{"scram":{}}',
    'a mechanism that nobody knows': '{"scram":{"SCRAM-SHA-1":{}}}',
    'a key too short': encodeUser(new Map([['SCRAM-SHA-512', credential(32)]])),
    'no iterations': encodeUser(both).replaceAll('4096', '0'),
    'no salt': encodeUser(both).replaceAll(Buffer.from('salt').toString('base64'), ''),
  }

  for (const [what, value] of Object.entries(unreadable)) {
    test(`a value that cannot be read (${what}) shuts the user out, and is reported without itself`, () => {
      const found: Unreadable[] = []
      const image = new ClusterImage((each) => void found.push(each))
      const put = (text: string, modRevision: number) => {
        const key = userKey('ann')
        const keyValue = { key, value: text, modRevision, createRevision: 1, version: 1, lease: noLease }
        return image.apply(modRevision, [{ kind: 'put', keyValue }])
      }
      assert.deepEqual([...put(encodeUser(both), 1).users], ['ann'])
      assert.ok(image.users.has('ann'))
      put(value, 2)
      assert.ok(!image.users.has('ann'))
      assert.equal(found.length, 1)
      assert.ok(!JSON.stringify(found).includes('wonderland'))
      put(encodeUser(both), 3)
      assert.ok(image.users.has('ann'))
    })
  }
})
