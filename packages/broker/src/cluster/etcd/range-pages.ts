import { MetadataError } from '../metadata-error.ts'
import type { KeyValue, RangeOptions, RangeResult } from '../metadata-store.ts'
import { integerAt, isTrue, listAt, revisionIn } from './json.ts'
import type { JsonObject } from './json.ts'
import type { KeyCodec } from './key-codec.ts'
import type { EtcdStoreLimits } from './limits.ts'

type Read = (message: JsonObject) => Promise<JsonObject>

const attemptCountMax = 3
/** A page whose answer was too large is asked for again with so many times fewer keys. */
const shrinkFactor = 8

/** Reads a range page by page, all pages at the revision of the first one, so that no answer grows without bound. */
export async function rangeInPages(
  read: Read,
  keys: KeyCodec,
  limits: EtcdStoreLimits,
  prefix: string,
  options: RangeOptions,
): Promise<RangeResult> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await readPages(read, keys, limits.pageKeyCountMax, prefix, options)
    } catch (error) {
      // The revision of the first page was compacted away while the others were read: the present is always there.
      const isOvertaken =
        error instanceof MetadataError && error.kind === 'compacted' && options.atRevision === undefined
      if (!isOvertaken || attempt === attemptCountMax) throw error
    }
  }
}

async function readPages(
  read: Read,
  keys: KeyCodec,
  pageKeyCountMax: number,
  prefix: string,
  { atRevision, limit = Number.MAX_SAFE_INTEGER }: RangeOptions,
): Promise<RangeResult> {
  const keyValues: KeyValue[] = []
  let pageKeyCount = pageKeyCountMax
  let part = keys.rangeOf(prefix)
  let first: { revision: number; count: number } | undefined
  for (;;) {
    const count = Math.min(pageKeyCount, limit - keyValues.length)
    const revision = atRevision ?? first?.revision ?? 0
    const answer = await readPage(read, { ...part, limit: String(count), revision: String(revision) }, count > 1)
    if (answer === undefined) {
      pageKeyCount = Math.max(1, Math.floor(count / shrinkFactor))
      continue
    }
    first ??= { revision: revisionIn(answer), count: integerAt(answer, 'count') }
    for (const keyValue of listAt(answer, 'kvs')) keyValues.push(keys.decode(keyValue))
    const more = isTrue(answer, 'more')
    const last = keyValues.at(-1)
    if (!more || keyValues.length >= limit || last === undefined) return { ...first, keyValues, more }
    part = keys.rangeAfter(prefix, last.key)
  }
}

/** A page, or undefined when its answer is too large but may be made smaller. */
async function readPage(read: Read, message: JsonObject, canShrink: boolean): Promise<JsonObject | undefined> {
  try {
    return await read(message)
  } catch (error) {
    if (canShrink && error instanceof MetadataError && error.kind === 'too-large') return undefined
    throw error
  }
}
