import { SimulatedWorld } from '../host/simulated/simulated-world.ts'
import type { SimulatedNode } from '../host/simulated/simulated-node.ts'
import { batchBytesOf, baseOffsetOf, lastOffsetOf } from '../record/batch.ts'
import { buildBatch } from '../record/build.ts'
import { silentLogger } from '../telemetry/logger.ts'
import type { Log, LogSettings } from './log.ts'
import { LogStore } from './store.ts'

const followerSettings: LogSettings = {
  durability: 'fsync',
  segmentBytes: 3000,
  segmentMs: 1e12,
  segmentJitterMs: 0,
  segmentIndexBytes: 1 << 20,
  indexIntervalBytes: 200,
}

export interface Sent {
  baseOffset: number
  count: number
  epoch?: number
  producerId?: number
  producerEpoch?: number
  sequence?: number
  timestampMs?: number
  valueBytes?: number
}

/** A batch as a leader has stamped it. */
export function sentBatch(sent: Sent): Buffer {
  const value = Buffer.alloc(sent.valueBytes ?? 30, `${sent.baseOffset} `)
  const records = Array.from({ length: sent.count }, (_, i) => ({ key: Buffer.from(`key ${i}`), value }))
  return buildBatch(records, {
    baseOffset: sent.baseOffset,
    leaderEpoch: sent.epoch ?? 0,
    baseTimestampMs: sent.timestampMs ?? 1000 + sent.baseOffset,
    ...(sent.producerId !== undefined && {
      producerId: sent.producerId,
      producerEpoch: sent.producerEpoch ?? 0,
      baseSequence: sent.sequence ?? 0,
    }),
  })
}

/** One log of a follower on a simulated machine. For tests. */
export class FollowerStage {
  readonly world: SimulatedWorld
  readonly node: SimulatedNode
  store!: LogStore

  constructor(seed = 1) {
    this.world = new SimulatedWorld(seed)
    this.node = this.world.node('one')
  }

  get log(): Log {
    return this.store.get('orders-0')!
  }

  async open(): Promise<void> {
    const { disk, clock } = this.node.host
    this.store = await this.complete(
      LogStore.open({
        disk,
        clock,
        logger: silentLogger,
        directory: '/data',
        directoryId: new Uint8Array(16),
        settingsOf: () => followerSettings,
        journalFileBytes: 8192,
        directBytesMin: 2000,
        tailMemoryBytesMax: 8000,
        poisonsMemory: true,
        openFilesMax: 8,
        durable: (log) => log.onChange(),
      }),
    )
    if (!this.store.get('orders-0')) this.store.create('orders-0', followerSettings)
  }

  async kill(): Promise<void> {
    this.node.killProcess()
    await this.open()
  }

  async losePower(): Promise<void> {
    this.node.losePower()
    this.node.powerOn()
    await this.open()
  }

  async stop(): Promise<void> {
    await this.complete(this.store.close())
    await this.open()
  }

  complete<T>(promise: Promise<T>): Promise<T> {
    return this.world.scheduler.complete(promise)
  }

  /** Resolves once everything is durable. */
  durable(): Promise<void> {
    const { log } = this
    return this.complete(
      new Promise((resolve) => {
        log.onChange = () => (log.durableOffset >= log.endOffset ? resolve() : undefined)
        log.onChange()
      }),
    )
  }

  /** First and last offset of every batch from the start on. */
  async ranges(from = this.log.startOffset): Promise<[number, number][]> {
    const found: [number, number][] = []
    for (let offset = from; offset < this.log.endOffset; ) {
      const read = await this.complete(Promise.resolve(this.log.read(offset, this.log.endOffset, 500, true)))
      if (read.bytes === 0) break
      for (const chunk of read.chunks) {
        for (let at = 0; at < chunk.length; at += batchBytesOf(chunk, at)) {
          found.push([baseOffsetOf(chunk, at), lastOffsetOf(chunk, at)])
          offset = lastOffsetOf(chunk, at) + 1
        }
      }
      read.release()
    }
    return found
  }
}
