import type { TopicSettings } from '../config/topic-settings.ts'
import type { LogSettings } from '../log/log.ts'

/** What a log must know of the settings of its topic. */
export function logSettingsOf(settings: TopicSettings): LogSettings {
  const { durability, segmentBytes, segmentMs, segmentJitterMs, segmentIndexBytes, indexIntervalBytes } = settings
  return { durability, segmentBytes, segmentMs, segmentJitterMs, segmentIndexBytes, indexIntervalBytes }
}
