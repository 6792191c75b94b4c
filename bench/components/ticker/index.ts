import type { Firing } from "petiole:timer/timer-handler@0.1.0";
import { publish } from "wasmcloud:messaging/consumer@0.2.0";
import { encodeUtf8 } from "../../../examples/lib/utf8.ts";

export const timerHandler = {
  handleTimer({ name, count }: Firing): void {
    const reading = { sensor: name, seq: count, value: 20 + (count % 10) };
    publish({ subject: `sensors.${name}`, body: encodeUtf8(JSON.stringify(reading)) });
  },
};
