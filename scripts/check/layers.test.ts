// The layer table is a proof like any other: a tree with one bad import of each kind must be refused, each by its rule.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { root } from '../run-command.ts'

const src = 'packages/broker/src'

/** What a tree of files breaks: `rule file` each. */
function brokenRules(files: Readonly<Record<string, string>>): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'polylog-layers-'))
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    const program = join(root, 'node_modules/.bin/depcruise')
    const args = [program, '--config', join(root, '.dependency-cruiser.cjs'), '--output-type', 'json', 'packages']
    const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
    assert.notEqual(stdout, '', stderr)
    const { summary } = JSON.parse(stdout) as { summary: { violations: { from: string; rule: { name: string } }[] } }
    return [...new Set(summary.violations.map(({ from, rule }) => `${rule.name} ${from}`))].toSorted()
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Modules to import from, one per layer and package that the tests need. */
const targets = Object.fromEntries(
  [
    ...[
      'host/clock',
      'host/node/node-clock',
      'log/log',
      'topic/topics',
      'kafka/listener',
      'errors/errors',
      'broker',
    ].map((name) => `${src}/${name}.ts`),
    'packages/wire/src/mod.ts',
    'packages/client/src/mod.ts',
  ].map((path) => [path, 'export interface Thing { readonly a: number }\nexport const thing = 1\n']),
)

test('imports that go down the table are accepted, and tests may import upwards', () => {
  const good = {
    ...targets,
    [`${src}/kafka/a.ts`]: "import { thing } from '../topic/topics.ts'\nexport const a = thing\n",
    [`${src}/log/a.ts`]: "import { thing } from '../errors/errors.ts'\nexport const a = thing\n",
    [`${src}/log/a.test.ts`]: "import { thing } from '../kafka/listener.ts'\nexport const a = thing\n",
    [`${src}/main.ts`]: "import { thing } from './host/node/node-clock.ts'\nexport const a = thing\n",
  }
  assert.deepEqual(brokenRules(good), [])
})

const bad: readonly (readonly [rule: string, file: string, text: string])[] = [
  ['kafka-imports-only', `${src}/kafka/a.ts`, "import { thing } from '../log/log.ts'\nexport const a = thing"],
  ['log-imports-only', `${src}/log/b.ts`, "import type { Thing } from '../kafka/listener.ts'\nexport type A = Thing"],
  [
    'every-folder-is-in-the-table',
    `${src}/extra/a.ts`,
    "import { thing } from '../host/clock.ts'\nexport const a = thing",
  ],
  ['only-host-touches-node', `${src}/log/c.ts`, "import { openSync } from 'node:fs'\nexport const a = openSync"],
  ['only-host-touches-node', `${src}/log/d.ts`, "import { open } from 'node:fs/promises'\nexport const a = open"],
  [
    'real-world-only-at-the-top',
    `${src}/topic/a.ts`,
    "import { thing } from '../host/node/node-clock.ts'\nexport const a = thing",
  ],
  [
    'nothing-imports-the-composition-root',
    `${src}/topic/b.ts`,
    "import { thing } from '../broker.ts'\nexport const a = thing",
  ],
  ['wire-where-needed', `${src}/log/e.ts`, "import { thing } from '../../../wire/src/mod.ts'\nexport const a = thing"],
  [
    'client-is-for-the-command-line',
    `${src}/kafka/b.ts`,
    "import { thing } from '../../../client/src/mod.ts'\nexport const a = thing",
  ],
  ['wire-is-sans-io', 'packages/wire/src/a.ts', "import { connect } from 'node:net'\nexport const a = connect"],
  [
    'client-is-independent',
    'packages/client/src/a.ts',
    `import { thing } from '../../broker/src/host/clock.ts'\nexport const a = thing`,
  ],
  ['resolves', `${src}/host/a.ts`, "import { thing } from './gone.ts'\nexport const a = thing"],
  [
    'production-imports-no-test-code',
    `${src}/log/f.ts`,
    "import { thing } from './testing/fake.ts'\nexport const a = thing",
  ],
]

test('one bad import of each kind is refused by the rule made for it', () => {
  const cycle = {
    [`${src}/host/x.ts`]: "import type { Y } from './y.ts'\nexport interface X { y: Y }",
    [`${src}/host/y.ts`]: "import type { X } from './x.ts'\nexport interface Y { x: X }",
    [`${src}/log/testing/fake.ts`]: 'export const thing = 1',
  }
  const files = { ...targets, ...cycle, ...Object.fromEntries(bad.map(([, file, text]) => [file, text])) }
  const broken = brokenRules(files)
  for (const [rule, file] of bad) assert.ok(broken.includes(`${rule} ${file}`), `${rule} let ${file} pass`)
  assert.ok(broken.some((line) => line.startsWith('no-cycles ')))
})
