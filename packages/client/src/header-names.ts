/** Headers that the SDK writes and reads; docs/sdk.md lists them for users of other clients. */
export const headerNames = {
  id: 'polylog-id',
  /** Names with commas between. */
  tags: 'polylog-tags',
  /** Milliseconds from the record's timestamp after which it is of no use any more. */
  ttlMs: 'polylog-ttl-ms',
  replyTo: 'polylog-reply-to',
  correlationId: 'polylog-correlation-id',
  /** In an answer: the handler failed, and this is why. */
  error: 'polylog-error',
} as const
