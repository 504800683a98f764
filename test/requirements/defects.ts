import type { Requirement } from './requirement-row.ts'

const delivery = { page: 'queues.md', file: 'defects-delivery.test.ts' }
const machine = { page: 'sdk.md', file: 'defects-machine.test.ts' }
const security = { page: 'security.md', file: 'defects-machine.test.ts' }

/** What was found wrong with the founding series' system; each sentence says what holds instead. */
export const defects: Readonly<Record<string, Requirement>> = {
  D1: { sentence: 'Messages and progress outlive a crash; what a limit says is to go goes.', ...delivery },
  D2: { sentence: 'What one group does with a message does not show in another.', ...delivery },
  D3: { sentence: 'Each attempt has an outcome of its own; a late answer goes to nobody else.', ...delivery },
  D4: { sentence: 'A one-way batch arrives.', ...delivery },
  D5: { sentence: 'A call whose answer is lost ends when its time is over.', ...delivery },
  D6: { sentence: 'A message that was handed out and not accepted is handed out again.', ...delivery },
  D7: { sentence: 'Who comes late or comes back gets what was sent before.', ...delivery },
  D8: { sentence: 'No error stops a consumer.', ...delivery },
  D9: { sentence: 'Several consumers in a group work with default settings.', ...delivery },
  D10: { sentence: 'Every key has a partition, the same for ever, whoever consumes.', ...delivery },
  D11: { sentence: 'A bad or costly expression hurts only who asked for it.', ...delivery },
  D12: { sentence: 'With several brokers every message is delivered, and acknowledged where it lies.', ...delivery },
  D13: { sentence: 'Who has left or broken off gets nothing any more.', ...delivery },
  D14: { sentence: 'A consumer that was thrown out, or whose broker was away, comes back by itself.', ...delivery },
  D15: { sentence: 'The clock of a client does not decide whether it lives.', ...delivery },
  D16: {
    sentence: 'A slow consumer holds up no other topic or group, and holds no more than its credit.',
    ...machine,
    note: 'Within a group, a partition that only the slow consumer reads waits for it: partitions are dealt out first.',
  },
  D17: { sentence: 'Heartbeats, renewals and sends do not wait for handlers.', ...machine },
  D18: { sentence: 'Closing waits for work only, and work can end during it.', ...machine },
  D19: { sentence: 'Messages are bytes, any bytes, and may be large.', ...machine },
  D20: { sentence: 'A message that nobody looked at is not done.', ...machine },
  D21: { sentence: 'Sending and receiving from many sides at once loses and repeats nothing.', ...machine },
  D22: { sentence: 'Only who holds a message can settle it, and only in ways that exist.', ...machine },
  D23: {
    sentence: 'Passwords are in no log and, with SCRAM, on no wire; nobody is let in by default.',
    ...security,
    note: 'Quotas come later; TLS and access rules are C13.',
  },
  D24: { sentence: 'Every error has a code of its own; contents of messages are not logged.', ...machine },
  D25: {
    sentence: 'No foreign parser reads what comes from the network; garbage disturbs nobody.',
    ...security,
    note: 'The packages are listed; the fuzz tests of the wire format are elsewhere.',
  },
  D26: { sentence: 'A message that is sent again is stored once, under the same id.', ...machine },
}
