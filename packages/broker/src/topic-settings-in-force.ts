import type { BrokerSettings } from './config/broker-table.ts'
import { topicSettings } from './config/topic-settings.ts'
import type { TopicSettings } from './config/topic-settings.ts'
import { effectiveTopicConfigs } from './controller/effective-policy.ts'
import type { ImageFeed } from './image/image-feed.ts'
import type { Topic } from './image/topic.ts'

/** The settings of each topic: its own, over those of its policy, over the broker's. */
export class TopicSettingsInForce {
  readonly #feed: ImageFeed
  readonly #settings: BrokerSettings
  /** By the topic's own configs, which stay the same object while its partitions change. */
  #known = new WeakMap<ReadonlyMap<string, string>, TopicSettings>()

  /** Must be made before those who ask it about a change that it learns of itself. */
  constructor(feed: ImageFeed, settings: BrokerSettings) {
    this.#feed = feed
    this.#settings = settings
    feed.onChange((change) => {
      if (change.policies) this.#known = new WeakMap()
    })
  }

  /** What is set, before the broker's defaults. */
  configsOf(topic: Topic): ReadonlyMap<string, string> {
    return effectiveTopicConfigs(this.#feed.image, topic)
  }

  of(topic: Topic): TopicSettings {
    const known = this.#known.get(topic.configs)
    if (known) return known
    const settings = topicSettings(this.configsOf(topic), this.#settings)
    this.#known.set(topic.configs, settings)
    return settings
  }

  /** Those of a topic of which nothing is known but that there is a log of it. */
  ofNone(): TopicSettings {
    return topicSettings(new Map(), this.#settings)
  }
}
