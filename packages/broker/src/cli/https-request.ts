import { request as send } from 'node:https'
import { isIP } from 'node:net'
import type { TlsOptions } from '@polylog/client/admin'

/** As much of `fetch` as the admin API needs; `fetch` itself takes no authorities and no certificate. */
export interface HttpsRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal: AbortSignal
}

const answerBytesMax = 64 * 1024 * 1024

/** Sends a request and reads the whole answer. Rejects with the error of the connection or the reason of the signal. */
export function fetchSecurely(
  url: string,
  request: HttpsRequest,
  tls: TlsOptions,
): Promise<{ status: number; text: string }> {
  const { method, headers, body = '', signal } = request
  const { ca, certificate, key, insecure = false } = tls
  return new Promise((resolve, reject) => {
    const { hostname } = new URL(url)
    const options = {
      method,
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      signal,
      agent: false,
      rejectUnauthorized: !insecure,
      ...(isIP(hostname) === 0 && { servername: hostname }),
      ...(ca !== undefined && { ca }),
      ...(certificate !== undefined && { cert: certificate }),
      ...(key !== undefined && { key }),
    } as const
    const failed = (error: Error): void => reject(signal.aborted ? (signal.reason as Error) : error)
    const sent = send(url, options, (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > answerBytesMax) response.destroy(new Error(`the answer has more than ${answerBytesMax} bytes`))
        else chunks.push(chunk)
      })
      response.once('error', failed)
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
    })
    sent.once('error', failed)
    sent.end(body)
  })
}
