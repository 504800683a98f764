import { equal, match, rejects } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openDataDirectory, readIdentity } from './data-directory.ts'
import type { DirectoryUser, OpenDirectory } from './data-directory.ts'
import { BrokerError } from './errors/errors.ts'
import { MemoryDisk } from './host/memory/memory-disk.ts'
import { NodeRandom } from './host/node/node-random.ts'
import { crc32c } from './record/crc32c.ts'

const alone: DirectoryUser = { brokerId: 1, metadata: 'embedded' }
const shared: DirectoryUser = { brokerId: 1, metadata: 'external' }

function open(disk: MemoryDisk, user: DirectoryUser): Promise<OpenDirectory> {
  return openDataDirectory(disk, new NodeRandom(), '/data', user)
}

/** A directory that has belonged to somebody. */
async function used(user: DirectoryUser, clusterId = 'cluster-a'): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  const directory = await open(disk, user)
  await directory.adopt(clusterId)
  directory.release()
  return disk
}

function refusal(pattern: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof BrokerError && error.code === 'storage' && pattern.test(error.message)
}

describe('a data directory', () => {
  it('that is new adopts the id of the cluster, and keeps it', async () => {
    const disk = new MemoryDisk()
    const first = await open(disk, shared)
    equal(first.identity, undefined)
    equal(readIdentity(disk, '/data'), undefined)
    const identity = await first.adopt('cluster-a')
    equal(identity.clusterId, 'cluster-a')
    match(identity.directoryId, /^[0-9a-f]{32}$/)
    first.release()
    const second = await open(disk, shared)
    equal(second.identity!.directoryId, identity.directoryId)
    equal((await second.adopt('cluster-a')).directoryId, identity.directoryId)
  })

  it('of another cluster is refused, naming both', async () => {
    const directory = await open(await used(shared), shared)
    await rejects(directory.adopt('cluster-b'), refusal(/belongs to cluster cluster-a, not to cluster cluster-b/))
  })

  it('of another broker is refused, and can be opened by its own at once', async () => {
    const disk = await used(shared)
    await rejects(open(disk, { ...shared, brokerId: 2 }), refusal(/belongs to broker 1, this is broker 2/))
    await open(disk, shared)
  })

  it('of a broker in a cluster is not opened by one on its own, which would take its logs for deleted ones', async () => {
    await rejects(open(await used(shared), alone), refusal(/cluster cluster-a, whose metadata is kept elsewhere/))
    await rejects(open(await used(alone), shared), refusal(/belongs to a broker on its own/))
  })

  it('from before there were clusters belongs to a broker on its own', async () => {
    const disk = await used(alone)
    const identity = readIdentity(disk, '/data')!
    equal(identity.metadata, 'embedded')
    // As version 0.1.0 wrote it.
    const json = `{"format":1,"directoryId":"${'ab'.repeat(16)}","clusterId":"cluster-a","brokerId":1}`
    const crc = crc32c(Buffer.from(json)).toString(16).padStart(8, '0')
    const file = disk.open('/data/polylog.json', 'write')
    file.truncate(0)
    file.write([Buffer.from(`${json} ${crc}\n`)], 0)
    file.close()
    equal(readIdentity(disk, '/data')!.metadata, 'embedded')
    equal((await open(disk, alone)).identity!.directoryId, 'ab'.repeat(16))
  })
})
