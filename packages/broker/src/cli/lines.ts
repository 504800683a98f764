import { CommandError } from './exit-code.ts'

/** A longer line is not a record but a file of another kind. */
const lineBytesMax = 64 * 1024 * 1024

/** Cuts a stream of bytes into lines; the lines of each chunk come together. The last one needs no line end. */
export async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer[]> {
  let rest: Buffer[] = []
  let restBytes = 0
  for await (const chunk of bytes) {
    const lines: Buffer[] = []
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let start = 0
    for (let end = buffer.indexOf(10); end >= 0; end = buffer.indexOf(10, start)) {
      const line = Buffer.concat([...rest, buffer.subarray(start, end)])
      lines.push(line.at(-1) === 13 ? line.subarray(0, -1) : line)
      rest = []
      restBytes = 0
      start = end + 1
    }
    if (start < buffer.length) {
      // The stream may use its memory again for the next chunk.
      rest.push(Buffer.from(buffer.subarray(start)))
      restBytes += buffer.length - start
      if (restBytes > lineBytesMax) throw new CommandError(`a line has more than ${lineBytesMax} bytes`)
    }
    yield lines
  }
  if (restBytes > 0) yield [Buffer.concat(rest)]
}
