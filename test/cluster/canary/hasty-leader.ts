// The `polylog` command, broken on purpose: a leader acknowledges what no other broker has yet, and followers are late.
// cluster.test.ts must catch it, else its checkers see nothing.
import { setTimeout as delay } from 'node:timers/promises'
import { Follower } from '../../../packages/broker/src/replica/follower.ts'
import { Replica } from '../../../packages/broker/src/replica/replica.ts'
import { patchMethod } from '../../simulator/sabotage/patch.ts'

/** How far followers are behind: long enough that there is something to lose whenever a leader is killed. */
const holdMs = 400

patchMethod(
  Replica.prototype,
  'whenCommitted',
  () =>
    function (this: Replica, endOffset, callback) {
      this.whenDurable(endOffset, callback)
    },
)
patchMethod(
  Follower.prototype,
  'take',
  (take) =>
    async function (this: Follower, ...args) {
      await delay(holdMs)
      return take.apply(this, args)
    },
)

await import('../../../packages/broker/src/main.ts')
