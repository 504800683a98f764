import { ClientError } from './client-error.ts'

const invalidTopic = 17
const charactersMax = 249

/**
 * Refuses what no broker takes as a topic's name (the rules are Kafka's): asked about it they say that there is no such topic.
 * @throws ClientError 'invalid' (INVALID_TOPIC_EXCEPTION)
 */
export function expectTopicName(name: string): void {
  const isValid = /^[A-Za-z0-9._-]{1,249}$/.test(name) && name !== '.' && name !== '..'
  if (isValid) return
  const shown = name.length > charactersMax ? `${name.slice(0, 40)}…` : name
  const rule = `it has 1 to ${charactersMax} letters (A to Z, a to z), digits, ".", "_" and "-", and is not "." or ".."`
  throw new ClientError('invalid', `"${shown}" cannot be the name of a topic: ${rule}`, { kafkaCode: invalidTopic })
}
