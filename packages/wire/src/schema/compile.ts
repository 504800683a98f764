import { WireError } from '../bytes/wire-error.ts'
import type { Entry, Layout } from './layout.ts'
import { elementHeapBytes, isEverNullable, isNullable, layoutOf, partition, plainDefault, sizeMin } from './layout.ts'
import { lengthMethod } from './length-method.ts'
import type { Codec, Field, Fields, Message, Type } from './schema.ts'

type AnyField = Field<unknown, unknown>

/** Arrays up to this size are allocated at once; longer ones grow as their elements actually arrive. */
const presizedCountMax = 4096

/**
 * Specialises one version of a message to straight-line JavaScript: no version test, no schema walk and no dynamic key
 * is left at run time. Two to four times as fast as `interpret.ts`, see `compile.bench.ts`.
 *
 * Throws EvalError where the host forbids generated code.
 */
export function compile<Output, Input>(message: Message<Output, Input>, version: number): Codec<Output, Input> {
  const url = `//# sourceURL=kafka/${message.name}.v${version}.js`
  // oxlint-disable-next-line typescript/no-implied-eval -- made from our own schemas alone, never from input
  const build = new Function('WireError', 'bytesEmpty', `${emit(message, version)}\n${url}`)
  return build(WireError, Buffer.alloc(0)) as Codec<Output, Input>
}

/** The JavaScript that {@link compile} runs; one function per struct and array, readable on purpose. */
export function emit(message: Message<unknown, unknown>, version: number): string {
  const module: Module = { layout: layoutOf(message, version), functions: [], names: new Map() }
  const decode = emitStructDecoder(module, message.name, message.fields)
  const encode = emitStructEncoder(module, message.name, message.fields)
  return ["'use strict'", ...module.functions, `return { decode: ${decode}, encode: ${encode} }`].join('\n')
}

/** What has been emitted so far. */
interface Module {
  readonly layout: Layout
  readonly functions: string[]
  /** Uses of each function name, to keep them apart. */
  readonly names: Map<string, number>
}

function define(module: Module, base: string, parameters: string, body: string[]): string {
  const uses = module.names.get(base) ?? 0
  module.names.set(base, uses + 1)
  const name = uses === 0 ? base : `${base}${uses + 1}`
  module.functions.push(`function ${name}(${parameters}) {\n${body.map((line) => `  ${line}\n`).join('')}}`)
  return name
}

function emitStructDecoder(module: Module, name: string, fields: Fields): string {
  const { inPlace, tagged } = partition(fields, module.layout)
  const body = inPlace.map(([key, field]) => `const ${local(key)} = ${decodeField(module, key, field)}`)
  body.push(...tagged.map(([key, field]) => `let ${local(key)} = ${defaultExpression(field)}`))
  if (tagged.length > 0) body.push(...decodeTagged(module, tagged))
  else if (module.layout.flexible) body.push('r.skipTaggedFields()')
  const read = new Set([...inPlace, ...tagged].map(([key]) => key))
  const members = Object.entries(fields).map(
    ([key, field]) => `${key}: ${read.has(key) ? local(key) : defaultExpression(field)}`,
  )
  body.push(`return { ${members.join(', ')} }`)
  return define(module, `decode_${name}`, 'r', body)
}

function decodeTagged(module: Module, tagged: readonly Entry[]): string[] {
  const cases = tagged.map(
    ([key, field]) => `case ${field.attributes.tag}: ${local(key)} = ${decodeField(module, key, field)}; break`,
  )
  return [
    'for (let count = r.unsignedVarint(); count > 0; count--) {',
    '  const tag = r.unsignedVarint()',
    '  const end = r.taggedFieldEnd()',
    '  switch (tag) {',
    ...cases.map((line) => `    ${line}`),
    '    default: r.position = end',
    '  }',
    '  r.expectPosition(end)',
    '}',
  ]
}

function decodeField(module: Module, name: string, field: AnyField): string {
  const nullable = isNullable(field, module.layout)
  const { type } = field.attributes
  if (type.kind === 'struct' && nullable) return `r.present() ? ${decodeType(module, name, type, false)} : null`
  return decodeType(module, name, type, nullable)
}

function decodeType(module: Module, name: string, type: Type, nullable: boolean): string {
  const { layout } = module
  switch (type.kind) {
    case 'struct':
      return `${emitStructDecoder(module, name, type.fields)}(r)`
    case 'array': {
      const element = decodeType(module, name, type.of, false)
      const count = lengthMethod('count', nullable, layout)
      const decoder = define(module, `decodeArray_${name}`, 'r', [
        `const count = r.${count}(${sizeMin(type.of, layout)}, ${elementHeapBytes(type.of, layout)})`,
        ...(nullable ? ['if (count < 0) return null'] : []),
        `const elements = new Array(count < ${presizedCountMax} ? count : 0)`,
        `for (let index = 0; index < count; index++) elements[index] = ${element}`,
        'return elements',
      ])
      return `${decoder}(r)`
    }
    case 'string':
      return `r.${lengthMethod('string', nullable, layout)}()`
    case 'bytes':
    case 'records':
      return `r.${lengthMethod('bytes', nullable, layout)}()`
    case 'scalar':
      return `r.${type.scalar}()`
  }
}

function emitStructEncoder(module: Module, name: string, fields: Fields): string {
  const { layout } = module
  const { inPlace, tagged, absent } = partition(fields, layout)
  const body: string[] = []
  for (const [key, field] of absent) {
    if (field.attributes.droppable) continue
    const message = JSON.stringify(`version ${layout.version} has no field ${key}`)
    body.push(`if (!(${isDefaultExpression(field, `m.${key}`)})) throw new WireError(${message})`)
  }
  for (const [key, field] of inPlace) body.push(...encodeField(module, key, field))
  if (layout.flexible) body.push(...encodeTagged(module, tagged))
  return define(module, `encode_${name}`, 'm, w', body)
}

function encodeTagged(module: Module, tagged: readonly Entry[]): string[] {
  if (tagged.length === 0) return ['w.unsignedVarint(0)']
  const sent = (key: string): string => `has_${key}`
  return [
    ...tagged.map(([key, field]) => `const ${sent(key)} = !(${isDefaultExpression(field, `m.${key}`)})`),
    `w.unsignedVarint(${tagged.map(([key]) => `(${sent(key)} ? 1 : 0)`).join(' + ')})`,
    ...tagged.flatMap(([key, field]) => [
      `if (${sent(key)}) {`,
      `  const mark = w.beginTaggedField(${field.attributes.tag})`,
      ...encodeField(module, key, field).map((line) => `  ${line}`),
      '  w.endTaggedField(mark)',
      '}',
    ]),
  ]
}

function encodeField(module: Module, key: string, field: AnyField): string[] {
  const { layout } = module
  const { type } = field.attributes
  const given = `(m.${key} === undefined ? ${defaultExpression(field)} : m.${key})`
  if (!isEverNullable(field)) return [encodeType(module, key, type, false, given)]
  const value = local(key)
  const lines = [`const ${value} = ${given}`]
  if (!isNullable(field, layout)) {
    const message = JSON.stringify(`${key} may not be null in version ${layout.version}`)
    lines.push(`if (${value} === null) throw new WireError(${message})`)
  } else if (type.kind === 'struct') {
    const present = encodeType(module, key, type, false, value)
    return [...lines, `w.present(${value} !== null)`, `if (${value} !== null) ${present}`]
  }
  return [...lines, encodeType(module, key, type, isNullable(field, layout), value)]
}

function encodeType(module: Module, name: string, type: Type, nullable: boolean, value: string): string {
  const { layout } = module
  switch (type.kind) {
    case 'struct':
      return `${emitStructEncoder(module, name, type.fields)}(${value}, w)`
    case 'array': {
      const count = layout.flexible ? 'compactCount' : 'count'
      const element = encodeType(module, name, type.of, false, 'elements[index]')
      const encoder = define(module, `encodeArray_${name}`, 'elements, w', [
        ...(nullable ? [`if (elements === null) return w.${count}(-1)`] : []),
        `w.${count}(elements.length)`,
        `for (let index = 0; index < elements.length; index++) ${element}`,
      ])
      return `${encoder}(${value}, w)`
    }
    case 'string':
      return `w.${lengthMethod('string', nullable, layout)}(${value})`
    case 'bytes':
    case 'records':
      return `w.${lengthMethod('bytes', nullable, layout)}(${value})`
    case 'scalar':
      return `w.${type.scalar}(${value})`
  }
}

function defaultExpression(field: AnyField): string {
  const plain = plainDefault(field)
  if (plain !== undefined) return JSON.stringify(plain)
  const { type } = field.attributes
  if (type.kind === 'array') return '[]'
  if (type.kind !== 'struct') return 'bytesEmpty'
  const members = Object.entries(type.fields).map(([key, inner]) => `${key}: ${defaultExpression(inner)}`)
  return `{ ${members.join(', ')} }`
}

/** A test that is true when `value` may be left out: not given, or equal to the field's default. */
function isDefaultExpression(field: AnyField, value: string): string {
  const plain = plainDefault(field)
  const missing = `${value} === undefined`
  if (plain !== undefined) return `${missing} || ${value} === ${JSON.stringify(plain)}`
  const { type } = field.attributes
  const tests =
    type.kind === 'struct'
      ? Object.entries(type.fields).map(([key, inner]) => `(${isDefaultExpression(inner, `${value}.${key}`)})`)
      : [`${value}.length === 0`]
  return `${missing} || (${value} !== null && ${tests.join(' && ')})`
}

function local(key: string): string {
  return `_${key}`
}
