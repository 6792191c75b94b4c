import { PublishError, type Outgoing } from "./connection.ts";
import type { LinkConfig } from "./link-config.ts";
import { isTopic, matchesTopic } from "./topic.ts";

/** Lengths of texts and bytes are two bytes on the wire. */
const LONGEST = 65_535;
const MAX_USER_PROPERTIES = 64;
const MAX_PROPERTIES = 65_536;

/** @throws PublishError for what a component may not publish, or what no packet can hold */
export function checkOutgoing({ topic, payload, properties }: Outgoing, config: LinkConfig): void {
  const { responseTopic, contentType, correlationData, userProperties = [] } = properties;
  if (!isTopic(topic) || (responseTopic !== undefined && !isTopic(responseTopic))) {
    throw new PublishError("invalid-subject", "invalid-subject: a topic is not empty and has no + and #");
  }
  if (topic.startsWith("$") || !config.publish.topics.some((filter) => matchesTopic(filter, topic))) {
    throw new PublishError("not-permitted", `not-permitted: the link does not grant "${topic}"`);
  }
  if (payload.byteLength > config.max_body) {
    throw new PublishError("too-large", `too-large: this link takes messages of at most ${config.max_body} bytes`);
  }
  const texts = [...(contentType === undefined ? [] : [contentType]), ...userProperties.flat()];
  const sizes = [...texts.map((text) => Buffer.byteLength(text)), correlationData?.byteLength ?? 0];
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (sizes.some((size) => size > LONGEST) || total > MAX_PROPERTIES || userProperties.length > MAX_USER_PROPERTIES) {
    throw new PublishError("too-large", "too-large: the message has too many or too long properties");
  }
  if (texts.some((text) => text.includes("\u0000") || !text.isWellFormed())) {
    throw new PublishError("unsupported", "unsupported: a property is not a text that MQTT can carry");
  }
}
