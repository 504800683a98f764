/** The values that occur more than once: requests that name something twice contradict themselves. */
export function findDuplicates<Value>(values: readonly Value[]): ReadonlySet<Value> {
  const seen = new Set<Value>()
  const twice = new Set<Value>()
  for (const value of values) {
    if (seen.has(value)) twice.add(value)
    seen.add(value)
  }
  return twice
}
