/** A word of a command line that people copy into a shell: quoted where it would not stay one word, or mean something else. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
