import type { StartPoint } from '@polylog/client/admin'
import { UsageError } from './exit-code.ts'

/** Reads `beginning`, `end`, an offset or an ISO 8601 time. @throws UsageError naming the flag */
export function startPoint(flag: string, text: string): StartPoint | number {
  if (text === 'beginning' || text === 'end') return text
  if (/^\d{1,15}$/.test(text)) return Number(text)
  const timestampMs = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(timestampMs)) return { timestampMs }
  const allowed = 'beginning, end, an offset or a time such as 2026-11-22T08:00:00Z'
  throw new UsageError(`--${flag} must be ${allowed}, not "${text}"`)
}
