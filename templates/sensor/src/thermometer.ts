// What the component does, as plain functions: they know neither WIT nor a bus.

export interface Settings {
  /** Above it there is an alarm. */
  readonly limit: number;
  /** An alarm ends this much below the limit. */
  readonly hysteresis: number;
}

export interface Message {
  readonly subject: string;
  readonly body: unknown;
}

export interface Step {
  readonly alarm: boolean;
  readonly messages: readonly Message[];
}

/** The register of an LM75, TMP102 or the like: twelve bits in two's complement, a sixteenth of a degree each. */
export function parseTemperature([high = 0, low = 0]: Uint8Array): number {
  const sixteenths = ((high << 8) | low) >> 4;
  return (sixteenths >= 0x800 ? sixteenths - 0x1000 : sixteenths) / 16;
}

/** What a reading means, and what to tell whom. `alarm` is whether there was one before. */
export function judge(temperature: number, alarm: boolean, { limit, hysteresis }: Settings): Step {
  const now = alarm ? temperature > limit - hysteresis : temperature > limit;
  const messages: Message[] = [{ subject: "readings.temperature", body: { temperature } }];
  if (now !== alarm) {
    messages.push({ subject: "alarms.temperature", body: { state: now ? "raised" : "cleared", temperature, limit } });
  }
  return { alarm: now, messages };
}

/** A setting that is no number is a fault of the deployment. */
export function readSettings(get: (key: string) => string | undefined): Settings {
  const number = (key: string, standard: number): number => {
    const text = get(key);
    const value = text === undefined ? standard : Number(text);
    if (text === "" || Number.isNaN(value)) throw new Error(`The setting ${key} is "${text}", want a number`);
    return value;
  };
  return { limit: number("limit", 30), hysteresis: number("hysteresis", 1) };
}
