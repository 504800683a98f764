/** Kafka's limit: with partition number and suffix the folder name stays below 255. */
const nameCharactersMax = 249

/** What is wrong with a topic name; undefined if nothing is. The rules are Kafka's (org.apache.kafka Topic.validate). */
export function findTopicNameFault(name: string): string | undefined {
  if (name.length === 0) return 'a topic name has at least one character'
  if (name === '.' || name === '..') return `"${name}" is not a topic name`
  if (name.length > nameCharactersMax) return `a topic name has at most ${nameCharactersMax} characters`
  if (!/^[A-Za-z0-9._-]+$/.test(name)) return 'a topic name consists of letters, digits, ".", "_" and "-"'
  return undefined
}

/** The topic of committed offsets and groups. */
export const offsetsTopicName = '__consumer_offsets'

/** The topic of the progress of share groups. */
export const shareStateTopicName = '__share_group_state'

/**
 * A key under which names collide that differ in "." and "_" only. Kafka refuses such pairs, because its metric names
 * cannot tell them apart; ours could, but topics mirrored to Kafka could not.
 */
export function collisionKey(name: string): string {
  return name.replaceAll('.', '_')
}
