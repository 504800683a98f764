import { Run } from './run.ts'
import type { Plan } from './world/plan.ts'

/** Runs and time spent on one failure. */
const runCountMax = 300
const searchMsMax = 600_000
/** Another plan is another run: each is tried with as many courses, the first being that of the seed. */
const courseCount = 4
const courseStep = 1_000_000_007
const durationMsMin = 500

/** Plans that are a little less than `plan`, those that save most first. */
function* lesser(plan: Plan): Iterable<Plan> {
  for (const share of [0.5, 0.75]) {
    if (plan.durationMs * share >= durationMsMin) yield { ...plan, durationMs: Math.round(plan.durationMs * share) }
  }
  if (plan.faults.length > 3) {
    const half = Math.ceil(plan.faults.length / 2)
    for (const faults of [plan.faults.slice(0, half), plan.faults.slice(half)]) yield { ...plan, faults }
  }
  for (const name of plan.faults) {
    if (plan.faults.length > 1) yield { ...plan, faults: plan.faults.filter((each) => each !== name) }
  }
  for (const key of ['groupMembers', 'plainProducers', 'readers'] as const) {
    if (plan[key] > 0) yield { ...plan, [key]: 0 }
    if (plan[key] > 1) yield { ...plan, [key]: 1 }
  }
  if (plan.idempotentProducers > 1) yield { ...plan, idempotentProducers: 1 }
  for (const [power, on] of Object.entries(plan.admin)) {
    if (on) yield { ...plan, admin: { ...plan.admin, [power]: false } }
  }
  if (plan.queueGroups.length > 1) yield { ...plan, queueGroups: plan.queueGroups.slice(0, 1) }
  if (plan.queueGroups.length > 0) yield { ...plan, queueGroups: [] }
  if (plan.topics > 1) yield { ...plan, topics: 1 }
  if (plan.brokerCount > 3) yield { ...plan, brokerCount: 3 }
  if (plan.recordBytesMax > 300 || plan.largeShare > 0) yield { ...plan, recordBytesMax: 300, largeShare: 0 }
  if (plan.compression !== 'none') yield { ...plan, compression: 'none' }
  if (plan.windowMax > 1) yield { ...plan, windowMax: 1 }
}

/**
 * Looks for the smallest plan that still goes wrong in one of the ways in `kinds`: takes away time, faults, clients and
 * powers, one after the other, as long as that is so. Another plan is another run, so that it may end above the smallest.
 * @param note told whenever a smaller plan was found
 */
export async function shrink(
  plan: Plan,
  kinds: ReadonlySet<string>,
  note: (text: string) => void = () => undefined,
): Promise<Plan> {
  const endMs = performance.now() + searchMsMax
  let smallest = plan
  let runCount = 0
  const goesWrong = async (candidate: Plan): Promise<boolean> => {
    runCount += 1
    const { findings } = await new Run(candidate).result()
    return findings.some(({ kind }) => kinds.has(kind))
  }
  const findSmaller = async (): Promise<Plan | undefined> => {
    for (const candidate of lesser(smallest)) {
      for (let course = 0; course < courseCount; course += 1) {
        if (runCount >= runCountMax || performance.now() > endMs) return undefined
        const tried = { ...candidate, seed: plan.seed + course * courseStep }
        if (await goesWrong(tried)) return tried
      }
    }
    return undefined
  }
  for (let next = await findSmaller(); next !== undefined; next = await findSmaller()) {
    smallest = next
    const { durationMs, faults, brokerCount } = smallest
    note(`after ${runCount} runs: ${durationMs} ms, ${brokerCount} brokers, faults ${faults.join(' ')}`)
  }
  note(`${runCount} runs`)
  return smallest
}
