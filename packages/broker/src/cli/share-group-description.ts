import type { ShareGroupDescription } from '@polylog/client/admin'
import { formatCount, formatTable } from './table.ts'

/** What `polylog group describe` shows of a share group. */
export function shareGroupDescription({ id, state, members, progress }: ShareGroupDescription): string {
  const count = (topic: string, partition: number): number =>
    members.filter(({ assigned }) => assigned.some((each) => each.topic === topic && each.partition === partition))
      .length
  const total = progress.reduce((sum, { lag }) => sum + Math.max(0, lag), 0)
  const head = `Share group ${id}: ${state}, ${members.length} member${members.length === 1 ? '' : 's'}, lag ${formatCount(total)}\n`
  const numbers = ['partition', 'start', 'lag', 'members'].map((title) => ({ title, align: 'right' }) as const)
  const rows = progress.map(({ topic, partition, start, lag }) => [
    topic,
    String(partition),
    ...[start, lag].map((each) => (each < 0 ? '-' : String(each))),
    String(count(topic, partition)),
  ])
  return rows.length === 0 ? head : `${head}\n${formatTable([{ title: 'topic' }, ...numbers], rows)}`
}
