export interface Column {
  title: string
  /** Numbers stand to the right. */
  align?: 'right'
}

/** A table for people: titles in capitals, columns two blanks apart, no trailing blanks. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const titles = columns.map(({ title }) => title.toUpperCase())
  const lines = [titles, ...rows.map((row) => row.map(clean))]
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => widthOf(line[i] ?? ''))))
  const formatted = lines.map((line) =>
    columns
      .map(({ align }, i) => {
        const cell = line[i] ?? ''
        const blanks = ' '.repeat(widths[i]! - widthOf(cell))
        return align === 'right' ? blanks + cell : cell + blanks
      })
      .join('  ')
      .trimEnd(),
  )
  return `${formatted.join('\n')}\n`
}

/** 1234567 as 1,234,567. */
export function formatCount(value: number): string {
  return String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, ',')
}

/** Bytes with a unit people read: 1.5 MiB. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** Names come from brokers: nothing in them may command the terminal. */
function clean(text: string): string {
  return text.replaceAll(/\p{C}/gu, '�')
}

function widthOf(text: string): number {
  return Array.from(text).length
}
