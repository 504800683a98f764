import { equal, ok, throws } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Reader } from '../bytes/reader.ts'
import { WireError } from '../bytes/wire-error.ts'
import { Writer } from '../bytes/writer.ts'
import { apis } from '../kafka/apis.ts'
import { codec, decode } from './codec.ts'
import { interpret } from './interpret.ts'
import { elementHeapBytes, layoutOf } from './layout.ts'
import type { Message, Type } from './schema.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const mib = 1024 * 1024

interface Case {
  message: Message<unknown, unknown>
  version: number
  key: string
  of: Type
}

/** Every array at the top of every request, in its first and last version. */
function* arraysOfRequests(): Generator<Case> {
  for (const { request } of Object.values(apis) as { request: Message<unknown, unknown> }[]) {
    for (const version of new Set(request.versions)) {
      for (const [key, field] of Object.entries(request.fields)) {
        const { type, first, last } = field.attributes
        if (type.kind === 'array' && version >= first && version <= last)
          yield { message: request, version, key, of: type.of }
      }
    }
  }
}

/** The smallest element there is: all defaults. */
function smallest(of: Type): unknown {
  if (of.kind === 'struct') return {}
  if (of.kind === 'scalar') return of.scalar === 'uuid' ? 'AAAAAAAAAAAAAAAAAAAAAA' : 0
  return ''
}

function encoded({ message, version, key, of }: Case, count: number): Buffer {
  const writer = new Writer()
  codec(message, version).encode({ [key]: Array.from({ length: count }, () => smallest(of)) }, writer)
  return Buffer.concat(writer.chunks())
}

function heldBytes(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

describe('memory of decoded messages', () => {
  it('is no more than the schema says, for the smallest elements of every request', () => {
    // Everything else that takes memory, such as code, is made before the first look.
    const cases = [...arraysOfRequests()]
      .filter(({ message, version }) => version === message.versions[1])
      .map((one) => {
        const elementBytes = elementHeapBytes(one.of, layoutOf(one.message, one.version))
        const count = Math.ceil(mib / elementBytes)
        return { ...one, elementBytes, count, bytes: encoded(one, count) }
      })
    ok(cases.length > 20)
    const before = heldBytes()
    for (const { message, version, key, elementBytes, count, bytes } of cases) {
      const value = decode(message, version, new Reader(bytes))
      const grown = heldBytes() - before
      const name = `${message.name} version ${version} ${key}`
      ok(grown < 1.1 * count * elementBytes + 256 * 1024, `${name}: ${grown} for ${count} times ${elementBytes}`)
      ok(value !== undefined)
    }
  })

  it('is counted alike by both codecs, to the byte', () => {
    for (const one of arraysOfRequests()) {
      const bytes = encoded(one, 100)
      const wanted = 100 * elementHeapBytes(one.of, layoutOf(one.message, one.version))
      for (const { decode: read } of [codec(one.message, one.version), interpret(one.message, one.version)]) {
        const reader = new Reader(bytes)
        reader.heapBytesLeft = wanted
        read(reader)
        equal(reader.heapBytesLeft, 0)
        const short = new Reader(bytes)
        short.heapBytesLeft = wanted - 1
        throws(() => read(short), WireError)
      }
    }
  })
})
