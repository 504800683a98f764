import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { apis, encodeResponse, Writer } from '@polylog/wire'
import type { BrokerError, ErrorCode } from '../../errors/errors.ts'
import { FramePool } from '../../host/frame-memory.ts'
import type { Connection } from '../../host/network.ts'
import { testSecret } from '../testing/test-broker.ts'
import { KafkaPeers } from './kafka-peers.ts'
import { makeRequest, simulatedWorld } from './peers.fixture.ts'

describe('a broker that does not behave', () => {
  /** A machine that calls `reply` for each request. */
  async function withImpostor(
    reply: (connection: Connection) => void,
    body: (refusal: ErrorCode, tookMs: number) => void,
  ) {
    const world = simulatedWorld(7)
    const buffer = Buffer.alloc(1024)
    await world.complete(
      world.leader.network.listen({ host: 'leader', port: 9092 }, (connection) => {
        let arrived = Buffer.alloc(0)
        connection.receive({
          buffer: () => buffer,
          received: (count) => {
            arrived = Buffer.concat([arrived, buffer.subarray(0, count)])
            if (arrived.length < 4 || arrived.length < 4 + arrived.readInt32BE(0)) return
            arrived = Buffer.alloc(0)
            reply(connection)
          },
          drained: () => undefined,
          closed: () => undefined,
        })
      }),
    )
    const peer = {
      id: 1,
      host: 'leader',
      port: 9092,
      epoch: 1,
      directoryId: '',
      rack: '',
      version: '',
      status: 'serving',
      intactSince: 0,
    } as const
    const metrics = { replicationReceived: () => undefined }
    const limits = { connectTimeoutMs: 500, answerGraceMs: 500, batchBytesMax: 1000 }
    const session = new KafkaPeers({
      pool: new FramePool(1 << 20, true),
      host: world.follower,
      brokerId: 2,
      secret: testSecret,
      metrics,
      ...limits,
    }).session(peer)
    const startMs = world.follower.clock.monotonicMs()
    const outcome = await world.complete(
      session.fetch(makeRequest({})).then(
        () => undefined,
        (error: BrokerError) => error.code,
      ),
    )
    body(outcome!, world.follower.clock.monotonicMs() - startMs)
    session.close()
  }

  test('silence ends with the time-out', async () => {
    await withImpostor(
      () => undefined,
      (code, tookMs) => {
        assert.equal(code, 'broker-unreachable')
        assert.ok(tookMs >= 500 && tookMs < 600, `${tookMs} ms`)
      },
    )
  })

  test('an answer of impossible size is refused before memory is taken for it', async () => {
    for (const size of [0x7fffffff, 65 * 1024, 3, 0, -1]) {
      const before = process.memoryUsage().arrayBuffers
      await withImpostor(
        (connection) => {
          const bytes = Buffer.alloc(4)
          bytes.writeInt32BE(size)
          connection.write([bytes])
        },
        (code, tookMs) => {
          assert.equal(code, 'broker-unreachable')
          assert.ok(tookMs < 100, 'at once')
        },
      )
      assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024)
    }
  })

  test('nonsense, and answers to other requests, are refused', async () => {
    const frames = [
      '000000040000002a',
      '0000000400000001',
      '00000008000000010000ffff',
      '0000000a0000000100000000ffff',
      '00000005',
    ]
    for (const frame of frames) {
      await withImpostor(
        (connection) => {
          connection.write([Buffer.from(frame, 'hex')])
          if (frame.length === 8) connection.end()
        },
        (code) => assert.equal(code, 'broker-unreachable'),
      )
    }
  })

  test('a handshake that succeeds without a proof is not believed', async () => {
    const writer = new Writer()
    let count = 0
    await withImpostor(
      (connection) => {
        count++
        if (count === 1) encodeResponse(apis[17], 1, 1, { errorCode: 0, mechanisms: [] }, writer)
        else {
          const authBytes = count === 2 ? Buffer.alloc(33, 1) : Buffer.alloc(32)
          encodeResponse(apis[36], 2, count, { errorCode: 0, errorMessage: null, authBytes }, writer)
        }
        connection.write(writer.chunks())
      },
      (code) => assert.equal(code, 'authentication-failed'),
    )
    assert.equal(count, 3, 'the whole exchange was made')
  })

  test('a broker that is not there', async () => {
    const world = simulatedWorld(8)
    const metrics = { replicationReceived: () => undefined }
    const peers = new KafkaPeers({
      pool: new FramePool(1 << 20, true),
      host: world.follower,
      brokerId: 2,
      secret: testSecret,
      metrics,
      connectTimeoutMs: 500,
      answerGraceMs: 500,
      batchBytesMax: 1,
    })
    const peer = {
      id: 1,
      host: 'leader',
      port: 1,
      epoch: 1,
      directoryId: '',
      rack: '',
      version: '',
      status: 'serving',
      intactSince: 0,
    } as const
    await assert.rejects(world.complete(peers.session(peer).fetch(makeRequest({}))), { code: 'broker-unreachable' })
  })
})
