// What the component does, as plain functions: they know neither WIT nor MQTT.

/** The number in a message: JSON with a `value`, or a number alone. Throws what says what is wrong with it. */
export function parseValue(text: string): number {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Error(`"${text.slice(0, 40)}" is no JSON`);
  }
  const value = typeof found === "object" && found !== null && "value" in found ? found.value : found;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new Error(`"${text.slice(0, 40)}" has no number as its value`);
}

/** Whether a value is to be passed on: the first one is, and what differs by `deadband` or more from the last that was. */
export function isNews(value: number, last: number | undefined, deadband: number): boolean {
  return last === undefined || Math.abs(value - last) >= deadband;
}

/** `sensors/hall/temp` goes on as `filtered/hall/temp`. */
export function outgoingTopic(topic: string): string {
  return `filtered/${topic.replace(/^[^/]*\//, "")}`;
}
