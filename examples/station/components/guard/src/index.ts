// The WIT edges of the guard: readings come in from the Modbus line and over MQTT, the button from GPIO.

import type { EdgeBatch } from "petiole:gpio/edge-handler@0.1.0";
import { set as setLevel } from "petiole:gpio/lines@0.1.0";
import type { Batch } from "petiole:modbus/readings-handler@0.1.0";
import { get as getConfig } from "wasi:config/store@0.2.0-rc.1";
import { open } from "wasi:keyvalue/store@0.2.0-draft";
import { log } from "wasi:logging/logging@0.1.0-draft";
import { publish } from "wasmcloud:messaging/consumer@0.2.0";
import type { BrokerMessage } from "wasmcloud:messaging/handler@0.2.0";
import { errorText } from "../../../../lib/error-text.ts";
import { once } from "../../../../lib/once.ts";
import { decodeUtf8, encodeUtf8 } from "../../../../lib/utf8.ts";
import { parseReading, readingsOf } from "../../../lib/reading.ts";
import { acknowledge, handleReading, type Capabilities } from "./guard.ts";

/** The handle lives as long as the instance. Not opened here: this code runs when the component is built. */
const bucket = once(() => open("guard"));

const capabilities: Capabilities = {
  settings: () => ({
    raise: number("raise", 8),
    clear: number("clear", 4),
    learn: number("learn", 20),
    noise: number("noise", 0.02),
    trip: getConfig("trip") ?? "pressure",
  }),
  states: new Map(),
  load(key) {
    const value = bucket().get(key);
    return value ? decodeUtf8(value) : undefined;
  },
  save: (key, value) => bucket().set(key, encodeUtf8(value)),
  switchPump: (on) => setLevel("pump", on ? "active" : "inactive"),
  switchSiren: (on) => setLevel("siren", on ? "active" : "inactive"),
  publish: (subject, body) => publish({ subject, body: encodeUtf8(JSON.stringify(body)) }),
  error: (message) => log("error", "guard", message),
};

function number(key: string, otherwise: number): number {
  const value = Number(getConfig(key) ?? otherwise);
  if (!(value >= 0)) throw new Error(`cannot use the configuration "${key}": want a number from 0`);
  return value;
}

export const readingsHandler = {
  handleReadings({ readings, lost }: Batch): void {
    if (lost > 0) log("warn", "guard", `${lost} rounds of the meter came too fast`);
    const registers = readings.map(({ name, value }) => ({ name, value: value.tag === "ok" ? value.val : undefined }));
    for (const reading of readingsOf(registers)) handleReading(reading, capabilities);
  },
};

export const handler = {
  handleMessage({ body }: BrokerMessage): void {
    try {
      handleReading(parseReading(body), capabilities);
    } catch (error) {
      // A string is what `result<_, string>` carries; an Error would end the call as a trap.
      // oxlint-disable-next-line typescript/only-throw-error
      throw errorText(error);
    }
  },
};

export const edgeHandler = {
  handleEdges({ events }: EdgeBatch): void {
    if (events.some(({ edge }) => edge === "rising")) acknowledge(capabilities);
  },
};
