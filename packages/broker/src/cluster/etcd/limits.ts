/** Times and bounds of the etcd store. */
export interface EtcdStoreLimits {
  /** For a request as a whole, over all endpoints it is tried on. */
  requestTimeoutMs: number
  /** For one attempt, where another one may follow. */
  attemptTimeoutMs: number
  /** For a connection to be had. */
  connectTimeoutMs: number
  /** Requests under way. */
  requestCountMax: number
  /** Bytes of those requests. */
  requestBytesMax: number
  /** Longest answer to a request, and longest line of a watch. */
  answerBytesMax: number
  /** Keys of one page of a range. */
  pageKeyCountMax: number
  watchCountMax: number
  /** A watch that hears nothing for this long opens its stream anew, which also shows whether the member lives. */
  watchSilenceMs: number
  /** How often a watch compares what it has told with what the store holds. */
  auditIntervalMs: number
  /** How far a watch may lag behind the store before what is missing counts as lost. */
  auditPatienceMs: number
  /** First and longest pause between attempts after all endpoints have failed. */
  backoffMsMin: number
  backoffMsMax: number
}

export const etcdStoreLimits: Readonly<EtcdStoreLimits> = {
  requestTimeoutMs: 5000,
  attemptTimeoutMs: 2000,
  connectTimeoutMs: 1000,
  requestCountMax: 1024,
  requestBytesMax: 64 * 1024 * 1024,
  answerBytesMax: 64 * 1024 * 1024,
  pageKeyCountMax: 1000,
  watchCountMax: 1000,
  watchSilenceMs: 10_000,
  auditIntervalMs: 300_000,
  auditPatienceMs: 30_000,
  backoffMsMin: 50,
  backoffMsMax: 1000,
}
