import type { Finding, SeenRecord, Send } from './history.ts'
import type { LogView } from './log-view.ts'

/** Where each value of a log stands, put together from all answers. */
export interface Placement {
  valueAt: Map<number, string>
  offsetOf: Map<string, number>
  sendOf: Map<string, Send>
}

/**
 * inconsistent-offsets: one offset, two values. duplicate: one value, two offsets (no client sends a value again except
 * as an idempotent retry). unexpected-value: nobody sent it, or its bytes changed. refused-value: it was answered that
 * it was not taken.
 */
export function place(view: LogView, findings: Finding[]): Placement {
  const placement: Placement = { valueAt: new Map(), offsetOf: new Map(), sendOf: new Map() }
  for (const send of view.sends) {
    for (const [index, { value }] of send.records.entries()) {
      placement.sendOf.set(value, send)
      if (send.outcome === 'ok' && send.baseOffset >= 0) see(view, placement, send.baseOffset + index, value, findings)
    }
  }
  const seeAll = (records: SeenRecord[]): void => {
    for (const { offset, value } of records) {
      see(view, placement, offset, value, findings)
      const send = placement.sendOf.get(value)
      if (send === undefined) findings.push(finding(view, 'unexpected-value', `${value} at ${offset} was never sent`))
      else if (send.outcome === 'failed') findings.push(finding(view, 'refused-value', `${value} at ${offset}`))
    }
  }
  for (const poll of view.polls) seeAll(poll.records)
  for (const read of view.finalReads) seeAll(read.records)
  return placement
}

function see(view: LogView, placement: Placement, offset: number, value: string, findings: Finding[]): void {
  const { valueAt, offsetOf } = placement
  const known = valueAt.get(offset)
  if (known === undefined) valueAt.set(offset, value)
  else if (known !== value) {
    findings.push(finding(view, 'inconsistent-offsets', `offset ${offset} is ${known} and ${value}`))
  }
  const place = offsetOf.get(value)
  if (place === undefined) offsetOf.set(value, offset)
  else if (place !== offset) findings.push(finding(view, 'duplicate', `${value} is at ${place} and ${offset}`))
}

export function finding(view: LogView, kind: string, detail: string): Finding {
  return { kind, where: view.log, detail }
}
