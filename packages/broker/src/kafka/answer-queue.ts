import type { RequestContext } from './request-context.ts'

/**
 * The requests of one connection that are not answered yet, in the order in which they came: answers leave in that order,
 * whatever finishes first. A linked list through the contexts, so that it costs nothing per request.
 */
export class AnswerQueue {
  private head: RequestContext | undefined
  private tail: RequestContext | undefined
  /** Requests in the queue, and the sum of their sizes. */
  count = 0
  bytes = 0
  /** Bytes of answers that are done and not taken yet. */
  answerBytes = 0

  push(context: RequestContext): void {
    if (this.tail === undefined) this.head = context
    else this.tail.next = context
    this.tail = context
    this.count++
    this.bytes += context.bytes
  }

  /** For a request in the queue that has become done. */
  answered(context: RequestContext): void {
    this.answerBytes += context.responseBytes
  }

  /** Takes the first request if it is done. */
  takeDone(): RequestContext | undefined {
    const { head } = this
    if (head === undefined || !head.done) return undefined
    this.head = head.next
    if (this.head === undefined) this.tail = undefined
    head.next = undefined
    this.count--
    this.bytes -= head.bytes
    this.answerBytes -= head.responseBytes
    return head
  }

  /** Empties the queue and calls `visit` with each request. */
  clear(visit: (context: RequestContext) => void): void {
    let context = this.head
    this.head = undefined
    this.tail = undefined
    this.count = 0
    this.bytes = 0
    this.answerBytes = 0
    while (context !== undefined) {
      const { next } = context
      visit(context)
      context = next
    }
  }

  /** Calls `visit` with each request that is not done; it may finish any of them. */
  forEachWaiting(visit: (context: RequestContext) => void): void {
    for (let context = this.head; context !== undefined; context = context.next) {
      if (!context.done) visit(context)
    }
  }
}
