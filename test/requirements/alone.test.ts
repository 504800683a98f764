/** One broker, with nothing set but where its data and ports are. */
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { ClientError } from '@polylog/client/admin'
import { requirement } from './requirement.ts'
import { Alone } from './world/alone.ts'
import { numbered, readAll, send } from './world/records.ts'

const queue = { topic: 'jobs' }

requirement('R1', async () => {
  await using alone = await Alone.start()
  const client = alone.client()
  const values = numbered('alone', 20)
  await send(client, queue, values)
  deepEqual(await readAll(client, queue), values)
  equal((await client.describe()).brokers.length, 1)
})

requirement('R2', async () => {
  await using alone = await Alone.start()
  const values = numbered('before', 5)
  await send(alone.client(), queue, values)
  await alone.node.kill()
  const isUnreachable = (error: unknown): boolean => error instanceof ClientError && error.code === 'unreachable'
  await rejects(send(alone.client(), queue, ['meanwhile']), isUnreachable)
  await rejects(readAll(alone.client(), queue), isUnreachable)
  await alone.node.start()
  await send(alone.client(), queue, ['after'])
  deepEqual(await readAll(alone.client(), queue), [...values, 'after'])
})
