// The WIT edges: readings come in, a coil is switched, messages leave.

import { encodeUtf8, errorText } from "petiole/guest";
import { writeCoil } from "petiole:modbus/client@0.1.0";
import type { Batch, Reading } from "petiole:modbus/readings-handler@0.1.0";
import { get as getConfig } from "wasi:config/store@0.2.0-rc.1";
import { log } from "wasi:logging/logging@0.1.0-draft";
import { publish } from "wasmcloud:messaging/consumer@0.2.0";
import { decide, readSettings } from "./pump.ts";

/** As the poll of the bus names it. */
const LEVEL = "level";
const PUMP_COIL = 0;

export const readingsHandler = {
  handleReadings({ bus, unit, readings }: Batch): void {
    // There is no result that could carry an error: what fails is logged.
    try {
      const values = Object.fromEntries(readings.map((reading) => [reading.name, valueOf(reading)]));
      // QuickJS has null for an option without a value.
      const settings = readSettings((key) => getConfig(key) ?? undefined);
      const pump = decide(values[LEVEL] ?? undefined, settings);
      if (pump !== undefined) {
        writeCoil(bus, unit, PUMP_COIL, pump);
        log("info", "my-component", `level ${values[LEVEL]}: pump ${pump ? "on" : "off"}`);
      }
      publish({ subject: `readings.${bus}`, body: encodeUtf8(JSON.stringify({ ...values, pump })) });
    } catch (error) {
      log("error", "my-component", errorText(error));
    }
  },
};

/** null in a message says that the device gave no value. */
function valueOf({ name, value }: Reading): number | null {
  if (value.tag === "ok") return value.val;
  log("warn", "my-component", `no ${name}: ${errorText(value.val)}`);
  return null;
}
