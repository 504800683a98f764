import type { HttpResponse } from '../host/http.ts'

// Nothing served here may run scripts, be framed or be cached.
const safety = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
}

export function textResponse(status: number, body: string, contentType = 'text/plain; charset=utf-8'): HttpResponse {
  return { status, headers: { ...safety, 'content-type': contentType }, body }
}

export function jsonResponse(status: number, value: unknown): HttpResponse {
  return textResponse(status, `${JSON.stringify(value)}\n`, 'application/json; charset=utf-8')
}

/** Errors have one form everywhere: `{"error":"unknown-topic","message":"…","hint":"…"}`; `hint` only if there is one. */
export function errorResponse(
  status: number,
  code: string,
  message: string,
  hint?: string,
  headers: Readonly<Record<string, string>> = {},
): HttpResponse {
  const response = jsonResponse(status, { error: code, message, hint })
  return { ...response, headers: { ...response.headers, ...headers } }
}
