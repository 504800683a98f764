import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isGroup } from './command.ts'
import { commands } from './commands.ts'
import { linesOf } from './lines.ts'
import { progressLine } from './progress.ts'
import { formatRecord, parseRecord } from './record-line.ts'
import { formatBytes, formatCount, formatTable } from './table.ts'
import { runLine } from './testing/fake-terminal.ts'

describe('the command line', () => {
  it('shows what there is', async () => {
    const { code, stdout } = await runLine('help')
    assert.equal(code, 0)
    assert.match(stdout, /^Polylog 0\.1\.0, a message broker for Kafka clients\.\n\nTry\n {2}polylog start /)
    for (const name of Object.keys(commands)) assert.match(stdout, new RegExp(`^ {2}${name} +[A-Z].*\\.$`, 'm'))
    assert.equal((await runLine('--help')).stdout, stdout)
    assert.equal((await runLine('')).code, 2)
    assert.equal((await runLine('--version')).stdout, 'polylog 0.1.0\n')
  })

  it('explains each command, examples first', async () => {
    for (const [name, entry] of Object.entries(commands)) {
      const loaded = await entry.load()
      const lines = isGroup(loaded) ? Object.keys(loaded.verbs).map((verb) => `${name} ${verb}`) : [name]
      for (const line of lines) {
        const { code, stdout } = await runLine(`${line} --help`)
        assert.equal(code, 0)
        assert.match(
          stdout,
          new RegExp(`^.+\\.\\n\\nExamples\\n {2}# .+\\n {2}.*polylog[^]*\\n\\nUsage\\n {2}polylog ${line}`),
        )
        assert.equal((await runLine(`help ${line}`)).stdout, stdout)
      }
    }
  })

  it('shows the help of a command as people read it', async () => {
    assert.equal(
      (await runLine('topic add-partitions -h')).stdout,
      `Give a topic more partitions.

Examples
  # twelve in all
  polylog topic add-partitions orders --to 12

Usage
  polylog topic add-partitions TOPIC --to N

Keys are spread anew: records of a key that come later may go to another partition than earlier
ones.

Flags
      --to N                  Number of partitions in all.
  -b, --broker HOST:PORT      Broker to talk to (default 127.0.0.1:9092, or POLYLOG_BROKER).
      --user NAME             User to log in as (or POLYLOG_USER).
      --password-file FILE    File whose first line is the password (or POLYLOG_PASSWORD; else it is asked for).
      --tls                   Connect over TLS.
      --tls-ca FILE           Authorities (PEM) to trust instead of the system's; turns TLS on, as the following do.
      --tls-certificate FILE  Certificate (PEM) to show, if the broker asks for one.
      --tls-key FILE          Key (PEM) of that certificate.
      --tls-insecure          Take whoever answers for the broker. To try things out only.
      --sasl-mechanism NAME   SCRAM-SHA-256 (default), SCRAM-SHA-512 or PLAIN (or POLYLOG_SASL_MECHANISM).
  -h, --help                  Show this help.
`,
    )
  })

  it('says what is wrong, and what was probably meant', async () => {
    const mistakes: [string, string][] = [
      ['statr', 'there is no command "statr"; did you mean "start"?'],
      ['xyz', 'there is no command "xyz"; "polylog help" lists what there is'],
      ['topic lst', 'there is no topic command "lst"; did you mean "list"?'],
      ['topic list --bootstrap-server h:1', 'unknown flag --bootstrap-server; here it is --broker HOST:PORT'],
      ['topic list --jsn', 'unknown flag --jsn; did you mean "--json"?'],
      ['topic list --json=1', '--json takes no value'],
      ['topic create', 'a word is missing; usage: polylog topic create TOPIC [--partitions N] [--config NAME=VALUE …]'],
      ['topic list x', '"x" is one word too many; usage: polylog topic list [--all]'],
      ['topic create x --partitions', '--partitions needs a value: --partitions N'],
      ['topic create x --partitions --json', '--partitions needs a value: --partitions N'],
      ['topic create x --partitions 0', '--partitions must be a whole number from 1 to 100000, not "0"'],
      ['topic create x -p 1 -p 2', '-p is given twice'],
      ['topic create x --config y', '--config must be NAME=VALUE, not "y"'],
      ['produce x --format jsnl', '--format must be one of text, kv, jsonl, not "jsnl"; did you mean "jsonl"?'],
      ['completion tcsh', 'there is no completion for "tcsh", only for bash, zsh, fish'],
      ['help strat', 'there is no help on "strat"; did you mean "start"?'],
      ['topic constructor', 'there is no topic command "constructor"; "polylog topic --help" lists what there is'],
    ]
    for (const [line, message] of mistakes) {
      assert.deepEqual(await runLine(line), { code: 2, stdout: '', stderr: `polylog: ${message}\n` })
    }
  })

  it('explains settings and exit codes', async () => {
    const { stdout } = await runLine('help settings')
    assert.match(stdout, /^durability = fsync {2}\[fsync \| os \| memory\]\n {4}When .+\n {4}POLYLOG_DURABILITY\n/m)
    assert.match((await runLine('help exit-codes')).stdout, /^2 {2}the command line is wrong/m)
  })

  it('completes in every shell', async () => {
    const { stdout: bash } = await runLine('completion bash')
    assert.match(bash, /^ {4}"topic"\) next="create list describe alter add-partitions delete" ;;$/m)
    assert.match(bash, /^ {4}"topic create"\) next="--partitions .*--help" ;;$/m)
    assert.match((await runLine('completion zsh')).stdout, /^autoload/)
    const fish = (await runLine('completion fish')).stdout
    assert.match(fish, /^complete -c polylog -n '__fish_seen_subcommand_from topic' -a create$/m)
  })
})

describe('tables', () => {
  it('align columns and defuse what came from a broker', () => {
    const columns = [{ title: 'topic' }, { title: 'records', align: 'right' }] as const
    const rows = [
      ['a', '10'],
      ['longer\x1b[2J', '1,234,567'],
    ]
    assert.equal(formatTable(columns, rows), 'TOPIC         RECORDS\na                  10\nlonger�[2J  1,234,567\n')
  })

  it('write numbers for people', () => {
    assert.equal(formatCount(1234567), '1,234,567')
    assert.deepEqual([0, 1023, 1536, 5 * 1024 ** 3, 200 * 1024].map(formatBytes), [
      '0 B',
      '1023 B',
      '1.5 KiB',
      '5.0 GiB',
      '200 KiB',
    ])
  })
})

describe('progress', () => {
  it('tells share, count and rate', () => {
    assert.equal(
      progressLine('sending', 'records', 500, 2000, 1000),
      'sending [######------------------] 25 %  500 of 2,000 records, 500/s',
    )
    assert.equal(progressLine('sending', 'bytes', 2048, undefined, 2000), 'sending  2.0 KiB, 1.0 KiB/s')
    assert.match(progressLine('sending', 'bytes', 20, 10, 1), / 100 % /)
  })
})

async function collect(chunks: Iterable<Uint8Array>): Promise<string[]> {
  const lines: string[] = []
  const source = (async function* () {
    for (const chunk of chunks) yield await Promise.resolve(chunk)
  })()
  for await (const some of linesOf(source)) lines.push(...some.map(String))
  return lines
}

describe('lines', () => {
  it('are found wherever the stream is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'grapheme', maxLength: 20 })),
        fc.integer({ min: 1, max: 9 }),
        async (texts, size) => {
          const lines = texts.map((text) => text.replaceAll(/[\r\n]/g, '_'))
          const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
          // The stream uses one buffer for all its chunks, as some do.
          const reused = Buffer.alloc(size)
          const chunks = (function* () {
            for (let at = 0; at < bytes.length; at += size)
              yield reused.subarray(0, bytes.copy(reused, 0, at, at + size))
          })()
          assert.deepEqual(await collect(chunks), lines)
        },
      ),
    )
    assert.deepEqual(await collect([Buffer.from('a\r\nb')]), ['a', 'b'])
  })
})

describe('records as lines', () => {
  const parse = (line: string, format: 'text' | 'kv' | 'jsonl') => parseRecord(Buffer.from(line), format, ':', 7)

  it('are read in each form', () => {
    assert.deepEqual(parse('a:b', 'text'), { value: Buffer.from('a:b') })
    assert.deepEqual(parse('a:b:c', 'kv'), { key: Buffer.from('a'), value: Buffer.from('b:c') })
    assert.deepEqual(parse('{"value":{"n":1},"key":5,"headers":{"h":"v"},"partition":2,"timestamp":9}', 'jsonl'), {
      value: '{"n":1}',
      key: '5',
      headers: [{ key: 'h', value: 'v' }],
      partition: 2,
      timestampMs: 9,
    })
  })

  it('come back as they were printed', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.option(fc.uint8Array()), fc.option(fc.string()), (key, value, header) => {
        const record = {
          topic: 't',
          partition: 1,
          offset: 2,
          timestampMs: 3,
          key: Buffer.from(key),
          value: value === null ? null : Buffer.from(value),
          headers: header === null ? [] : [{ key: 'h', value: Buffer.from(header) }],
        }
        const again = parseRecord(formatRecord(record, 'jsonl', ':').subarray(0, -1), 'jsonl', ':', 1)
        const bytes = (part: unknown): Buffer | null =>
          part === null ? null : Buffer.from(part as string | Uint8Array)
        assert.deepEqual(bytes(again.key), record.key)
        assert.deepEqual(bytes(again.value), record.value)
        assert.deepEqual([again.partition, again.timestampMs], [1, 3])
        assert.deepEqual(
          again.headers?.map((h) => ({ ...h, value: bytes(h.value) })),
          record.headers,
        )
      }),
    )
  })

  it('are refused with their line number', () => {
    for (const [line, format, pattern] of [
      ['ab', 'kv', /^line 7 has no key: ":" does not occur in it$/],
      ['{', 'jsonl', /^line 7 is not JSON/],
      ['[1]', 'jsonl', /^line 7 is not a JSON object: \[1\]$/],
      ['{"valu":1}', 'jsonl', /^line 7 has an unknown field "valu"/],
      ['{"partition":-1}', 'jsonl', /^line 7 has a partition/],
      ['{"timestamp":"x"}', 'jsonl', /^line 7 has a timestamp/],
      ['{"headers":[1]}', 'jsonl', /^line 7 has headers/],
    ] as const) {
      assert.throws(() => parse(line, format), { name: 'CommandError', message: pattern })
    }
  })
})
