import { BrokerError } from '../errors/errors.ts'
import { LineCounter, isAlias, isMap, isScalar, parseDocument } from 'yaml'
import type { Node, Pair, YAMLMap } from 'yaml'

/** Makes the error for a setting that has something wrong with it. */
export type Fault = (what: string) => BrokerError

/** A setting as a file has it, with its place for error messages. */
export interface FileEntry {
  name: string
  text: string
  /** Makes an error that names file, line and column of the name, and shows the line. */
  nameFault: Fault
  /** The same for the value. */
  valueFault: Fault
}

/** Longest file and deepest nesting that is read. */
const fileCharactersMax = 262_144
const depthMax = 8

/**
 * Reads settings from YAML. Names may be written whole (`log.retention.ms: 1`) or nested (`log: { retention.ms: 1 }`).
 * @param file name for messages only
 * @throws BrokerError 'invalid-config' with `file:line:column: …` and the offending line
 */
export function readYamlSettings(text: string, file: string): FileEntry[] {
  if (text.length > fileCharactersMax) {
    throw new BrokerError('invalid-config', `${file}: has more than ${fileCharactersMax} characters`)
  }
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: true })
  const faultAt = (position: number, what: string): BrokerError => {
    const { line, col } = lineCounter.linePos(position)
    const shown = (text.split('\n')[line - 1] ?? '').trimEnd()
    return new BrokerError('invalid-config', `${file}:${line}:${col}: ${what}\n  ${line} | ${shown}`)
  }
  const error = document.errors[0]
  if (error !== undefined) throw faultAt(error.pos[0], error.message)
  const root = document.contents
  if (root === null || (isScalar(root) && root.value === null)) return []
  if (!isMap(root)) throw faultAt(startOf(root), 'a configuration file is a list of "name: value" lines')
  const entries: FileEntry[] = []
  flatten(root, '', 1, entries, faultAt)
  return entries
}

function flatten(
  map: YAMLMap,
  prefix: string,
  depth: number,
  entries: FileEntry[],
  faultAt: (position: number, what: string) => BrokerError,
): void {
  for (const pair of map.items as Pair<Node, Node | null>[]) {
    const at = startOf(pair.key)
    if (!isScalar(pair.key)) throw faultAt(at, 'the name of a setting must be plain text')
    const name = prefix + String(pair.key.value)
    const node = pair.value
    if (isMap(node)) {
      if (depth >= depthMax) throw faultAt(at, `nested deeper than ${depthMax} levels`)
      flatten(node, `${name}.`, depth + 1, entries, faultAt)
      continue
    }
    if (entries.some((entry) => entry.name === name)) throw faultAt(at, `${name} is set twice`)
    if (node === null || isAlias(node) || !isScalar(node)) throw faultAt(at, `${name} needs a single value`)
    // The source form keeps digits that a JavaScript number would round, such as Kafka's largest long.
    const text = typeof node.value === 'string' ? node.value : (node.source ?? '')
    if (node.value === null) throw faultAt(at, `${name} has no value`)
    const valueAt = startOf(node)
    entries.push({ name, text, nameFault: (what) => faultAt(at, what), valueFault: (what) => faultAt(valueAt, what) })
  }
}

function startOf(node: Node | null): number {
  return node?.range?.[0] ?? 0
}
