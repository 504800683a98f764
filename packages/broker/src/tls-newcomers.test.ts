import assert from 'node:assert/strict'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { Cluster } from '@polylog/client/admin'
import { Authority } from '../../../test/certificates/authority.ts'
import { CertificateFolder } from '../../../test/certificates/certificate-folder.ts'
import { startBroker } from './mod.ts'
import type { Broker } from './mod.ts'

const countMax = 10
const attackerCount = 200

/** The beginning of a client hello that announces 512 bytes. */
const hello = Buffer.from('1603010200010001fc0303', 'hex')

describe('those who never finish a handshake', () => {
  const authority = new Authority('ours')
  const folder = new CertificateFolder()
  const attackers: Socket[] = []
  let broker: Broker
  before(async () => {
    broker = await startBroker({
      ...folder.identity('broker', authority.issue({ hosts: ['127.0.0.1'] })),
      offsetsPartitionCount: 1,
      unauthenticatedCountMax: countMax,
      unauthenticatedTimeoutMs: 600_000,
      saslMechanisms: ['PLAIN'],
    })
  })
  after(async () => {
    for (const socket of attackers) socket.destroy()
    await broker.stop()
    folder[Symbol.dispose]()
  })

  it('count among those who have not logged in, and keep nobody else out', async () => {
    let closedCount = 0
    for (let index = 0; index < attackerCount; index += 1) {
      const socket = connect(broker.kafka.port, '127.0.0.1')
      attackers.push(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        closedCount += 1
      })
      socket.resume()
      socket.write(index % 2 === 0 ? hello : hello.subarray(0, 3))
    }
    while (closedCount < attackerCount - countMax) await new Promise((resolve) => setImmediate(resolve))
    await using client = new Cluster({
      brokers: `127.0.0.1:${broker.kafka.port}`,
      tls: { ca: authority.certificate },
    })
    // ApiVersions is for everybody.
    assert.ok((await client.versions()).size > 0)
  })
})
