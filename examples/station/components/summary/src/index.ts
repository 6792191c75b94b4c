// The WIT edges of the summary: the same readings as the guard gets, and a timer at the end of each day.

import type { Batch } from "petiole:modbus/readings-handler@0.1.0";
import { open } from "wasi:keyvalue/store@0.2.0-draft";
import { publish } from "wasmcloud:messaging/consumer@0.2.0";
import { log } from "wasi:logging/logging@0.1.0-draft";
import type { BrokerMessage } from "wasmcloud:messaging/handler@0.2.0";
import { errorText } from "../../../../lib/error-text.ts";
import { once } from "../../../../lib/once.ts";
import { decodeUtf8, encodeUtf8 } from "../../../../lib/utf8.ts";
import { parseReading, readingsOf, type Reading } from "../../../lib/reading.ts";
import { add, FIRST_DAY, nextDay, summaryOf, type Day } from "./summary.ts";

const KEY = "day";
/** The handle lives as long as the instance. Not opened here: this code runs when the component is built. */
const bucket = once(() => open("summary"));

// Calls come one after another: the component has one instance, which its manifest says.
function load(): Day {
  const value = bucket().get(KEY);
  // What this component wrote itself.
  return value ? (JSON.parse(decodeUtf8(value) ?? "") as Day) : FIRST_DAY;
}

const save = (day: Day): void => bucket().set(KEY, encodeUtf8(JSON.stringify(day)));
const count = (readings: readonly Reading[]): void => save(readings.reduce(add, load()));

export const readingsHandler = {
  handleReadings({ readings }: Batch): void {
    const registers = readings.map(({ name, value }) => ({ name, value: value.tag === "ok" ? value.val : undefined }));
    try {
      count(readingsOf(registers));
    } catch (error) {
      log("error", "summary", `A round is not counted: ${errorText(error)}`);
    }
  },
};

export const handler = {
  handleMessage({ body }: BrokerMessage): void {
    try {
      count([parseReading(body)]);
    } catch (error) {
      // A string is what `result<_, string>` carries; an Error would end the call as a trap.
      // oxlint-disable-next-line typescript/only-throw-error
      throw errorText(error);
    }
  },
};

export const timerHandler = {
  handleTimer(): void {
    const day = load();
    try {
      publish({ subject: "summaries.day", body: encodeUtf8(JSON.stringify(summaryOf(day))) });
    } catch (error) {
      // The day goes on, and is told of when the timer tries again.
      // oxlint-disable-next-line typescript/only-throw-error
      throw { tag: "retry", val: errorText(error) };
    }
    save(nextDay(day));
  },
};
