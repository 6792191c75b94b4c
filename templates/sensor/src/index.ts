// The WIT edges: a timer fires, a sensor is read, messages leave.

import { encodeUtf8, errorText, once } from "petiole/guest";
import { open as openDevice } from "petiole:i2c/devices@0.1.0";
import type { Firing } from "petiole:timer/timer-handler@0.1.0";
import { get as getConfig } from "wasi:config/store@0.2.0-rc.1";
import { open as openBucket } from "wasi:keyvalue/store@0.2.0-draft";
import { log } from "wasi:logging/logging@0.1.0-draft";
import { publish } from "wasmcloud:messaging/consumer@0.2.0";
import { judge, parseTemperature, readSettings } from "./thermometer.ts";

/** As the link to the bus names it. */
const DEVICE = "thermometer";
const ALARM = "alarm";

// Opened when they are needed first: code at the top level runs when the component is built.
const bus = once(() => openDevice(DEVICE));
const bucket = once(() => openBucket("my-component"));

export const timerHandler = {
  handleTimer(_firing: Firing): void {
    try {
      // QuickJS has null for an option without a value.
      const settings = readSettings((key) => getConfig(key) ?? undefined);
      const address = Number(getConfig("address") ?? 0x48);
      const temperature = parseTemperature(bus().writeRead(address, Uint8Array.of(0), 2));
      const { alarm, messages } = judge(temperature, bucket().exists(ALARM), settings);
      if (alarm) bucket().set(ALARM, Uint8Array.of(1));
      else bucket().delete(ALARM);
      for (const { subject, body } of messages) publish({ subject, body: encodeUtf8(JSON.stringify(body)) });
      log("info", "my-component", `${temperature} °C${alarm ? ", alarm" : ""}`);
    } catch (error) {
      // The next firing asks anew. What `result<_, failure>` carries is no Error.
      throw { tag: "reject", val: errorText(error) };
    }
  },
};
