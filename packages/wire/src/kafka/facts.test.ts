import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { plainDefault } from '../schema/layout.ts'
import type { Fields, Type } from '../schema/schema.ts'
import { uuidZero } from '../schema/schema.ts'
import { messages } from '../testing/messages.ts'

/**
 * Holds every schema against the facts of Kafka's own definitions, version by version: which fields there are, in which
 * order, of which type, whether they may be null, their tag, default and ignorability.
 */

interface Fact {
  readonly apiKey: number | null
  readonly versions: string
  readonly flexible: string
  readonly latestVersionUnstable?: boolean
  readonly fields: readonly string[]
}

type Range = readonly [first: number, last: number]

/** Fields that only Polylog has are tagged, from this number on, so that other brokers and clients skip them. */
const ownTagsFrom = 10_000

/** All of them, as docs/protocols/kafka.md describes them. */
const ownFields = ['ShareFetchRequest', 'ShareAcknowledgeRequest'].flatMap((name) => [
  `${name}.topics.partitions.acknowledgementBatches.retryDelayMs 10000 int32`,
  `${name}.topics.partitions.acknowledgementBatches.rejectReason 10001 string`,
])

interface FieldFact {
  readonly path: string
  readonly type: string
  readonly versions: Range
  readonly nullable: Range
  readonly tag: number | null
  readonly default: unknown
  readonly ignorable: boolean
}

const none: Range = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
const factsText = readFileSync(new URL('./facts.json', import.meta.url), 'utf8')
const facts = (JSON.parse(factsText) as { messages: { [name: string]: Fact } }).messages

test('every fact has a schema and every schema a fact', () => {
  assert.deepEqual(messages.map(({ name }) => name).toSorted(), Object.keys(facts).toSorted())
})

test('no field is more than Kafka has, but those of the list', () => {
  assert.deepEqual(messages.flatMap(({ name, fields }) => ownOf(fields, `${name}.`)).toSorted(), ownFields.toSorted())
})

for (const message of messages) {
  test(`${message.name} is as Kafka defines it`, () => {
    const fact = facts[message.name]!
    const versions = stableVersions(fact)
    assert.equal(message.apiKey, fact.apiKey)
    assert.deepEqual(message.versions, versions)
    assert.equal(message.flexible, range(fact.flexible)[0])
    const expected = fact.fields.map(parseField).filter(({ versions: [first, last] }) => {
      return first <= versions[1] && last >= versions[0]
    })
    const actual = describe(message.fields, '', message.versions)
    assert.deepEqual(actual.map(attributes), expected.map(attributes))
    for (let version = versions[0]; version <= versions[1]; version++) {
      assert.deepEqual(actual.map(wireForm(version)), inherited(expected).map(wireForm(version)), `version ${version}`)
    }
  })
}

function stableVersions(fact: Fact): Range {
  const [first, last] = range(fact.versions)
  return [first, fact.latestVersionUnstable === true ? last - 1 : last]
}

/** What does not depend on the version. */
function attributes({ path, type, tag, default: value, ignorable }: FieldFact): unknown {
  return { path, type, tag, value, ignorable }
}

/** What a field is in one version. */
function wireForm(version: number): (field: FieldFact) => unknown {
  return ({ path, versions, nullable }) => {
    const present = contains(versions, version)
    return { path, present, nullable: present && contains(nullable, version) }
  }
}

function contains([first, last]: Range, version: number): boolean {
  return version >= first && version <= last
}

/** A nested field exists only where its parents do; the definitions do not always repeat that. */
function inherited(fields: FieldFact[]): FieldFact[] {
  const byPath = new Map<string, Range>()
  return fields.map((field) => {
    const parent = byPath.get(field.path.slice(0, field.path.lastIndexOf('.'))) ?? [0, Number.POSITIVE_INFINITY]
    const versions: Range = [Math.max(field.versions[0], parent[0]), Math.min(field.versions[1], parent[1])]
    byPath.set(field.path, versions)
    return { ...field, versions }
  })
}

/** The lines of `facts.json`, made from a schema. */
function describe(fields: Fields, prefix: string, parent: Range): FieldFact[] {
  const kafkas = Object.entries(fields).filter(([, { attributes }]) => (attributes.tag ?? 0) < ownTagsFrom)
  return kafkas.flatMap(([name, field]) => {
    const { type, first, last, nullableFirst, tag, droppable } = field.attributes
    const path = `${prefix}${name}`
    const versions: Range = [Math.max(first, parent[0]), Math.min(last, parent[1])]
    const nullable: Range = [nullableFirst, Number.POSITIVE_INFINITY]
    const own = { path, type: typeName(type), versions, nullable, tag, default: plainDefault(field) }
    const inner = type.kind === 'array' ? type.of : type
    const nested = inner.kind === 'struct' ? describe(inner.fields, `${path}.`, versions) : []
    return [{ ...own, ignorable: droppable }, ...nested]
  })
}

function ownOf(fields: Fields, prefix: string): string[] {
  return Object.entries(fields).flatMap(
    ([
      name,
      {
        attributes: { type, tag },
      },
    ]) => {
      const inner = type.kind === 'array' ? type.of : type
      const nested = inner.kind === 'struct' ? ownOf(inner.fields, `${prefix}${name}.`) : []
      return (tag ?? 0) < ownTagsFrom ? nested : [`${prefix}${name} ${tag} ${typeName(type)}`, ...nested]
    },
  )
}

function typeName(type: Type): string {
  if (type.kind === 'array') return `[]${typeName(type.of)}`
  return type.kind === 'scalar' ? type.scalar : type.kind
}

function parseField(line: string): FieldFact {
  const [path, type, versions, ...rest] = line.split(' ') as [string, string, string, ...string[]]
  const marks = new Map(rest.map((mark) => mark.split(':') as [string, string]))
  return {
    path,
    type,
    versions: range(versions),
    nullable: range(marks.get('nullable') ?? 'none'),
    tag: marks.has('tag') ? Number(marks.get('tag')) : null,
    default: defaultOf(type, marks.get('default')),
    ignorable: marks.has('ignorable'),
  }
}

function defaultOf(type: string, text: string | undefined): unknown {
  if (text === 'null') return null
  if (type.startsWith('[]') || type === 'struct' || type === 'bytes') return undefined
  if (type === 'records') return null
  if (type === 'string') return text ?? ''
  if (type === 'uuid') return uuidZero
  return type === 'bool' ? text === 'true' : Number(text ?? 0)
}

function range(text: string): Range {
  if (text === 'none') return none
  const [first, last] = text.split('-')
  if (text.endsWith('+')) return [Number(text.slice(0, -1)), Number.POSITIVE_INFINITY]
  return [Number(first), Number(last ?? first)]
}
