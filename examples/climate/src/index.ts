// The WIT edges of the climate sensor: a timer fires, readings leave as messages.

import { open } from "petiole:i2c/devices@0.1.0";
import type { Firing } from "petiole:timer/timer-handler@0.1.0";
import { get as getConfig } from "wasi:config/store@0.2.0-rc.1";
import { log } from "wasi:logging/logging@0.1.0-draft";
import { publish } from "wasmcloud:messaging/consumer@0.2.0";
import { errorText } from "../../lib/error-text.ts";
import { once } from "../../lib/once.ts";
import { report, type Capabilities } from "./climate.ts";

const DEVICE = "climate";

/** The handle lives as long as the instance. Not opened here: this code runs when the component is built. */
const bus = once(() => open(DEVICE));

/** An SHT3x whose pin ADDR is low answers to this one. */
const address = (): number => Number(getConfig("address") ?? 0x44);

const capabilities: Capabilities = {
  ask: (command, length) => bus().writeRead(address(), Uint8Array.from(command), length),
  tell: (command) => bus().write(address(), Uint8Array.from(command)),
  publish: (subject, body) => publish({ subject, body }),
  warn: (message) => log("warn", DEVICE, message),
};

export const timerHandler = {
  handleTimer({ name }: Firing): void {
    try {
      report(name, capabilities);
    } catch (error) {
      // The next firing asks anew: an old climate is worth no second try. What `result<_, failure>` carries is no Error.
      // oxlint-disable-next-line typescript/only-throw-error
      throw { tag: "reject", val: errorText(error) };
    }
  },
};
