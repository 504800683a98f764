import type { Requirement } from './requirement-row.ts'

const sdk = 'sdk.md'
const queues = 'queues.md'

const life = { page: sdk, file: 'chapters-life.test.ts' }
const queue = { page: queues, file: 'chapters-queue.test.ts' }
const spread = { page: sdk, file: 'chapters-spread.test.ts' }

/**
 * The chapters of the founding series as users of the SDK meet them, under their numbers: C3 stands for 1 to 3, C14 for tags,
 * sharding keys and push, which have no chapter of their own. High availability, its chapter 15, is R to L.
 */
export const chapters: Readonly<Record<string, Requirement>> = {
  C3: { sentence: 'Messages sent are confirmed or one-way, and arrive; requests are answered or time out.', ...life },
  C4: {
    sentence: 'A client that cannot work fails at its start and says where and why; unchecked, it connects later.',
    ...life,
  },
  C5: {
    sentence: 'Closing takes nothing new, finishes what runs, sends what waits and gives back the rest.',
    ...life,
    note: 'The second signal that forces the broker to stop is shown in test/system.',
  },
  C6: {
    sentence: 'A long handler stays a member; messages of who hangs or dies go to others; all reconnect.',
    ...life,
  },
  C7: { sentence: 'Messages are spread as the producer says, and to consumers by what they can take.', ...spread },
  C8: { sentence: 'A chain and plain options say the same, with types; wrong options do not pass.', ...life },
  C9: {
    sentence: 'A pull waits for the first message, returns as many as asked at most, and is a loop too.',
    ...queue,
  },
  C10: {
    sentence: 'Each message is accepted, retried later, rejected or renewed; failing handlers end in a dead letter.',
    ...queue,
  },
  C11: { sentence: 'Groups do not feel each other: each has its own progress and retries.', ...queue },
  C12: { sentence: 'Batches have a key and a result per message, and any size; handlers take batches.', ...queue },
  C13: {
    sentence: 'Passwords, SCRAM and TLS let in who may come in; rights are checked at every later call.',
    page: 'security.md',
    file: 'chapters-login.test.ts',
  },
  C14: {
    sentence: 'The broker filters by tags; one of a key at a time, in order; handlers get what they can hold.',
    ...queue,
  },
  C16: { sentence: 'Every message has an id of its own, which stays with it.', ...spread },
  C17: { sentence: 'A full disk refuses what it cannot store, and serves what it has.', ...spread },
  C18: { sentence: 'Order per key holds among many handlers, and while members come and go.', ...spread },
  C19: {
    sentence: 'More consumers drain a backlog side by side; what expires can be found.',
    ...spread,
    note: 'By how much they are faster is a matter of the benchmarks.',
  },
  C20: {
    sentence: 'A consumer can ask that repeats of an id within some time are dropped.',
    ...spread,
    note: 'Over several members, or a restart, with a store that they share; in a memory of their own without one.',
  },
}
