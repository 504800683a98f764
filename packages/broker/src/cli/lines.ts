import { CommandError } from './exit-code.ts'

/** A longer line is not a record but a file of another kind. */
const lineBytesMax = 64 * 1024 * 1024

/** Cuts a stream of bytes into lines; the lines of each chunk come together. The last one needs no line end. */
export async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer[]> {
  let rest: Buffer[] = []
  let restBytes = 0
  for await (const chunk of bytes) {
    const lines: Buffer[] = []
    // The stream may use its memory again for the next chunk. A copy of each line would cost more than one of them all.
    const buffer = Buffer.from(chunk)
    let start = 0
    for (let end = buffer.indexOf(10); end >= 0; end = buffer.indexOf(10, start)) {
      const piece = buffer.subarray(start, end)
      const line = restBytes === 0 ? piece : Buffer.concat([...rest, piece])
      lines.push(line.at(-1) === 13 ? line.subarray(0, -1) : line)
      if (restBytes > 0) rest = []
      restBytes = 0
      start = end + 1
    }
    if (start < buffer.length) {
      rest.push(buffer.subarray(start))
      restBytes += buffer.length - start
      if (restBytes > lineBytesMax) throw new CommandError(`a line has more than ${lineBytesMax} bytes`)
    }
    yield lines
  }
  if (restBytes > 0) yield [Buffer.concat(rest)]
}
