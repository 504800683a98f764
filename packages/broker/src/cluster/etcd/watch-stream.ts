import type { Clock } from '../../host/clock.ts'
import type { HttpClient } from '../../host/http-client.ts'
import { headersOf } from './channel.ts'
import { failureOf } from './failure.ts'
import type { JsonObject } from './json.ts'
import { LineSplitter } from './line-splitter.ts'
import type { EtcdStoreLimits } from './limits.ts'

export interface StreamOptions {
  readonly http: HttpClient
  readonly clock: Clock
  readonly limits: EtcdStoreLimits
}

const refusalBytesMax = 65_536

/**
 * Opens a watch at one member and hands over its lines until the stream ends, is silent for `watchSilenceMs`, or
 * `signal` fires; in these cases it resolves. Rejects with HttpClientError or EtcdFailure when the member does not serve.
 */
export async function followStream(
  options: StreamOptions,
  url: string,
  token: string,
  message: JsonObject,
  signal: AbortSignal,
  onLine: (line: string) => void,
): Promise<void> {
  const { http, clock, limits } = options
  const silence = new AbortController()
  const startSilence = (): { cancel(): void } => clock.startTimer(limits.watchSilenceMs, () => silence.abort())
  let timer = startSilence()
  try {
    const { status, chunks } = await http.stream(
      {
        method: 'POST',
        url: `${url}/v3/watch`,
        headers: headersOf(token),
        body: JSON.stringify(message),
        connectTimeoutMs: limits.connectTimeoutMs,
        timeoutMs: limits.attemptTimeoutMs,
      },
      AbortSignal.any([signal, silence.signal]),
    )
    if (status !== 200) throw failureOf(status, await textOf(chunks))
    const lines = new LineSplitter(limits.answerBytesMax)
    for await (const chunk of chunks) {
      timer.cancel()
      for (const line of lines.push(chunk)) {
        if (signal.aborted) return
        onLine(line)
      }
      timer = startSilence()
    }
  } catch (error) {
    if (!signal.aborted && !silence.signal.aborted) throw error
  } finally {
    timer.cancel()
  }
}

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.length
    if (size > refusalBytesMax) break
    parts.push(chunk)
  }
  return Buffer.concat(parts).toString()
}
