/** Every version of an API, in rising order. */
export function versionsOf({ versions: [first, last] }: { versions: readonly [number, number] }): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}
