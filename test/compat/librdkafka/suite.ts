import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { writeStandIn } from '../kafka-topics.ts'
import { oneLine } from '../outcome.ts'
import type { Outcome } from '../outcome.ts'
import { runProgram } from '../program.ts'
import { testDirectory } from './build.ts'

/** How a broker must be set up for a part of the suite; every test belongs to exactly one of them. */
export type Scenario = 'default' | 'noautocreate'

/** The numbers that have tests for a broker that makes no topics by itself. */
export const noAutoCreateNumbers: readonly string[] = ['0045', '0107', '0111']

/** The numbers that count rebalances and expect members to join together, as Kafka's own delay of 3 s makes them. */
export const countingNumbers: readonly string[] = ['0102', '0113']

/**
 * The numbers that call kafka-topics.sh. The others must not see that there are scripts, or they would call those for
 * ACLs and a Java client too.
 */
const numbersWithScripts: readonly string[] = ['0045', '0052', '0077']

/**
 * Parts of a test that are tests of their own here, by number, because others of its parts cannot pass yet, or
 * because together they take too long. Each is a
 * piece of the names of its subtests.
 */
const parts: Readonly<Record<string, readonly string[]>> = {
  '0061': ['without transactions'],
  '0081': [
    'do_test_AlterConfigs',
    'do_test_AlterConsumerGroupOffsets',
    'do_test_CreatePartitions',
    'do_test_CreateTopics',
    'do_test_DeleteConsumerGroupOffsets',
    'do_test_DeleteGroups',
    'do_test_DeleteRecords',
    'do_test_DeleteTopics',
    'do_test_DescribeCluster',
    'do_test_DescribeConfigs:',
    'do_test_DescribeConfigs_groups',
    'do_test_DescribeConsumerGroups',
    'do_test_DescribeTopics',
    'do_test_IncrementalAlterConfigs',
    'do_test_ListConsumerGroupOffsets',
    'do_test_ListConsumerGroups',
    'do_test_ListOffsets',
    'do_test_unclean_destroy',
  ],
  '0113': [
    'a_assign_tests',
    'b_subscribe_with_cb_test',
    'c_subscribe_no_cb_test',
    'd_change_subscription_add_topic',
    'e_change_subscription_remove_topic',
    'f_assign_call_cooperative',
    'g_incremental_assign_call_eager',
    'h_delete_topic',
    'i_delete_topic_2',
    'j_delete_topic_no_rb_callback',
    'k_add_partition',
    'l_unsubscribe',
    'm_unsubscribe_2',
    'n_wildcard',
    's_subscribe_when_rebalancing',
    't_max_poll_interval_exceeded',
    'u_multiple_subscription_changes',
    'v_commit_during_rebalance',
    'x_incremental_rebalances',
  ],
  '0137': [
    'do_test_consume_batch_with_seek',
    'do_test_consume_batch_with_pause_and_resume_different_batch',
    'do_test_consume_batch_with_pause_and_resume_same_batch',
    'do_test_consume_batch_store_offset',
    'Testing EOF position',
  ],
}

/** What the suite believes it talks to. Below 4.2 it leaves the share-group tests out. */
const brokerVersion = '4.1.0'
const timeLimitSeconds = 600

/** `0012` of `0012_produce_consume`. The suite selects by number only. */
export function numberOf(name: string): string {
  return name.slice(0, 4)
}

/** All numbers of the suite that are meant to be run by a machine. */
export function allNumbers(): string[] {
  const numbers = readdirSync(testDirectory)
    .filter((file) => /^0\d{3}-.*\.(c|cpp)$/.test(file))
    .map(numberOf)
  return [...new Set(numbers)].toSorted()
}

export interface Target {
  /** `host:port` of the broker. */
  readonly broker: string
  readonly scenario: Scenario
  readonly log: string | undefined
}

interface Report {
  readonly tests: Readonly<Record<string, { readonly state: string; readonly duration: number }>>
}

/** Runs the tests of one number that need a broker, each part in a process of its own. */
export async function runNumber(number: string, target: Target): Promise<Outcome[]> {
  const own = parts[number]
  if (own === undefined) return runProcess(number, target)
  const outcomes: Outcome[] = []
  for (const part of own) {
    for (const outcome of await runProcess(number, target, part)) {
      outcomes.push({ ...outcome, name: `${outcome.name} > ${part}` })
    }
  }
  return outcomes
}

async function runProcess(number: string, target: Target, part?: string): Promise<Outcome[]> {
  const directory = mkdtempSync(join(tmpdir(), 'polylog-librdkafka-'))
  const configuration = join(directory, 'test.conf')
  const reportFile = join(directory, 'report.json')
  writeFileSync(configuration, `bootstrap.servers=${target.broker}\n`)
  const scripts = numbersWithScripts.includes(number) ? writeScripts(directory, target.broker) : {}
  try {
    const result = await runProgram({
      // One at a time, no socket emulator, no tests that need no broker. Not in quick mode (-Q): there many tests skip
      // all they have and call that a pass.
      command: ['./test-runner', '-p1', '-E', '-L', '-s', target.scenario],
      directory: testDirectory,
      environment: {
        TESTS: number,
        ...(part === undefined ? {} : { SUBTESTS: part }),
        TEST_KAFKA_VERSION: brokerVersion,
        TEST_REPORT: reportFile,
        RDKAFKA_TEST_CONF: configuration,
        ...scripts,
        LD_LIBRARY_PATH: '../src:../src-cpp',
      },
      timeLimitSeconds,
    })
    if (target.log !== undefined) appendFileSync(target.log, `\n##### ${number} ${part ?? ''}\n${result.output}`)
    const report = existsSync(reportFile) ? (JSON.parse(readFileSync(reportFile, 'utf8')) as Report) : undefined
    if (part !== undefined && !result.output.includes(': PASS (')) {
      // Without a subtest of that name the test does nothing and calls it a pass.
      const reason = result.timedOut ? `not finished after ${timeLimitSeconds} s` : reasonOf(number, result.output)
      return [{ name: nameOf(number, report), state: 'failed', reason, seconds: result.seconds }]
    }
    return outcomes(number, report, result.output, result.timedOut, result.seconds)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Makes the folder of a Kafka installation, as far as the suite needs it; returns the variables that name it. */
function writeScripts(directory: string, broker: string): Record<string, string> {
  mkdirSync(join(directory, 'bin'))
  writeStandIn(join(directory, 'bin', 'kafka-topics.sh'), [])
  return { KAFKA_PATH: directory, BROKERS: broker }
}

function outcomes(
  number: string,
  report: Report | undefined,
  output: string,
  timedOut: boolean,
  seconds: number,
): Outcome[] {
  // A crash leaves no report; then the suite's own lines say which tests had begun.
  const names = report === undefined ? startedIn(output) : Object.keys(report.tests)
  const own = names.filter((name) => numberOf(name) === number && isReached(name, output))
  if (own.length === 0 && report === undefined) own.push(`${number}_unknown`)
  return own.map((name) => {
    const { state, duration } = report?.tests[name] ?? { state: 'FAILED', duration: seconds }
    const line = reasonOf(name, output)
    if (state === 'PASSED') return { name, state: 'passed', reason: '', seconds: duration }
    if (state === 'SKIPPED') return { name, state: 'skipped', reason: line, seconds: duration }
    const ending = timedOut ? `not finished after ${timeLimitSeconds} s; ` : ''
    return { name, state: 'failed', reason: `${ending}${line}`, seconds: duration }
  })
}

/** The only broker test of a number that has parts. */
function nameOf(number: string, report: Report | undefined): string {
  return Object.keys(report?.tests ?? {}).find((name) => numberOf(name) === number) ?? `${number}_unknown`
}

function startedIn(output: string): string[] {
  return [...output.matchAll(/= Running test (\S+) =/g)].map((match) => match[1]!)
}

/** Tests of the other scenario and tests without a broker are in the report too, as skipped, but are not of this run. */
function isReached(name: string, output: string): boolean {
  if (output.includes(`= Running test ${name} =`)) return true
  return output.includes(`[${name} `) && !/negative test flags/.test(reasonOf(name, output))
}

/** What a test says about why it failed or was skipped. */
function reasonOf(name: string, output: string): string {
  const text = stripVTControlCharacters(output)
  const failure = new RegExp(`### Test "${name}[_a-z]*[ "][^\\n]* failed at ([^\\n]*) at [^\\n]*\\n([^\\n]*)`).exec(
    text,
  )
  if (failure !== null) return oneLine(`${failure[1]}: ${failure[2]}`)
  const skip = new RegExp(`\\[${name} [^\\n]*SKIPPING TEST:([^\\n]*)`).exec(text)
  return oneLine(skip?.[1] ?? text.slice(-reasonLengthMax))
}

const reasonLengthMax = 300
