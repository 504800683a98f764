/**
 * Kafka's choice of partition: Java's String.hashCode (over UTF-16 units), its absolute value, modulo the count. A log
 * written by Kafka can so be read here and the other way round.
 */
export function partitionOf(groupId: string, partitionCount: number): number {
  let hash = 0
  for (let index = 0; index < groupId.length; index++) hash = (Math.imul(31, hash) + groupId.charCodeAt(index)) | 0
  // Java's abs of the smallest int is negative; Kafka takes 0 for it.
  const positive = hash === -0x80000000 ? 0 : Math.abs(hash)
  return positive % partitionCount
}
