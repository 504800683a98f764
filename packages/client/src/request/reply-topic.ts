/** Only topics of this kind are answered to: what a message names must not be able to write anywhere. */
export const replyTopicPrefix = 'polylog-replies-'
