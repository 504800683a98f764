/** Value of a setting and where it comes from. */
export interface ConfigEntry {
  name: string
  value: string
  /** What the value would be without the topic's own setting. */
  defaultValue: string
  source: 'topic' | 'group' | 'broker' | 'default'
  type: 'boolean' | 'string' | 'int' | 'long' | 'double' | 'list'
  documentation: string
  readOnly: boolean
  sensitive: boolean
  /** The broker's setting of the same meaning, if there is one (`log.retention.ms` for `retention.ms`). */
  brokerSynonym?: string
}
