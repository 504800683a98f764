import { readFileSync, writeFileSync } from 'node:fs'

/** CPU time is counted in ticks of USER_HZ, which Linux fixes at 100 for /proc on every architecture Node runs on. */
const TICKS_PER_SECOND = 100

/** User plus system CPU seconds of a process since its start, all threads, children not included; undefined if unreadable. */
export function cpuSecondsOf(pid: number): number | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
  // The command name in parentheses may contain spaces; the fields behind it are fixed, utime and stime being 14 and 15.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** The same of several processes together; undefined for none, or when one of them is unreadable. */
export function cpuSecondsOfAll(pids: readonly number[]): number | undefined {
  const seconds = pids.map(cpuSecondsOf)
  if (seconds.length === 0 || seconds.includes(undefined)) return undefined
  return seconds.reduce<number>((sum, one) => sum + one!, 0)
}

/** CPU seconds of the whole machine since its start that were not idle, those the host withheld included; 0 without /proc. */
export function machineCpuSeconds(): number {
  let text: string
  try {
    text = readFileSync('/proc/stat', 'utf8')
  } catch (error) {
    if (isMissing(error)) return 0
    throw error
  }
  // "cpu  user nice system idle iowait irq softirq steal …"
  const [user, nice, system, , , irq, softirq, steal] = text
    .slice(0, text.indexOf('\n'))
    .split(/ +/)
    .slice(1)
    .map(Number)
  return (user! + nice! + system! + irq! + softirq! + steal!) / TICKS_PER_SECOND
}

/** Resident and peak resident memory of a process in bytes; undefined without /proc or process. */
export function memoryOf(pid: number): { rssBytes: number; peakBytes: number } | undefined {
  let status: string
  try {
    status = readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) * 1024
  return { rssBytes: field('VmRSS'), peakBytes: field('VmHWM') }
}

/** Makes the peak count from now on. Where the kernel refuses, the peak stays that of the whole life, which is said in README. */
export function resetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
  } catch (error) {
    if (!isMissing(error) && !(error instanceof Error && 'code' in error && error.code === 'EACCES')) throw error
  }
}

/** No such process, or no /proc at all. */
function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')
}
