/** A piece of code in a Markdown file. */
export interface Snippet {
  language: string
  code: string
  /** Line of its first line of code, from 1. */
  line: number
  /** Whether the line before it is `<!-- runnable -->`, which a reader does not see. */
  marked: boolean
}

export function snippetsOf(markdown: string): Snippet[] {
  const found: Snippet[] = []
  const lines = markdown.split('\n')
  for (let at = 0; at < lines.length; at++) {
    const language = /^```(\w*)$/.exec(lines[at]!)?.[1]
    if (language === undefined) continue
    const end = lines.indexOf('```', at + 1)
    if (end < 0) throw new Error(`the snippet in line ${at + 1} does not end`)
    const marked = lines[at - 1]?.trim() === '<!-- runnable -->'
    found.push({ language, code: `${lines.slice(at + 1, end).join('\n')}\n`, line: at + 2, marked })
    at = end
  }
  return found
}

/** What the comments behind `console.log(…)` say that it prints, in order. */
export function promisedOutput(code: string): string[] {
  return [...code.matchAll(/^\s*console\.log\(.*\) \/\/ (.+)$/gm)].map((match) => match[1]!)
}
