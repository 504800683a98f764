/** Words longer than this are not compared: the cost is quadratic and the word may come from outside. */
const comparedCharactersMax = 80
/** Fewer letters begin too many words. */
const beginningMin = 3

/**
 * The candidate that a mistyped `word` most likely meant, or undefined when none is near: at most a third of its
 * letters may differ, or it is the beginning of this one alone. Used for "did you mean …?" in settings, commands and flags.
 */
export function nearestOf(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length === 0 || word.length > comparedCharactersMax) return undefined
  const words = [...candidates]
  let nearest: string | undefined
  let distanceMin = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of words) {
    if (Math.abs(candidate.length - word.length) >= distanceMin) continue
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < distanceMin) {
      distanceMin = distance
      nearest = candidate
    }
  }
  return nearest ?? onlyOneThatBegins(word, words)
}

/** For `stat` and `desc`, whose whole words are too far away to be taken for mistakes. */
function onlyOneThatBegins(word: string, words: readonly string[]): string | undefined {
  const begun = word.length < beginningMin ? [] : words.filter((candidate) => candidate.startsWith(word))
  return begun.length === 1 ? begun[0] : undefined
}

/** `; did you mean "x"?`, or nothing when no candidate is near. */
export function suggestionFor(word: string, candidates: Iterable<string>): string {
  const nearest = nearestOf(word, candidates)
  return nearest === undefined ? '' : `; did you mean "${nearest}"?`
}

/** Insertions, removals, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, beforeLast[j - 2]! + 1)
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}
