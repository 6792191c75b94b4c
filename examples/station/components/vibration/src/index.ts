// The WIT edges of the vibration component: windows come in as messages, frequencies leave as messages.

import { get as getConfig } from "wasi:config/store@0.2.0-rc.1";
import { publish } from "wasmcloud:messaging/consumer@0.2.0";
import type { BrokerMessage } from "wasmcloud:messaging/handler@0.2.0";
import { errorText } from "../../../../lib/error-text.ts";
import { encodeUtf8 } from "../../../../lib/utf8.ts";
import { judge } from "./vibration.ts";
import { parseWindow } from "./window.ts";

export const handler = {
  handleMessage({ subject, body }: BrokerMessage): void {
    try {
      const started = performance.now();
      const machine = subject.split(/[./]/).at(-1) ?? "";
      const { report, alarm } = judge(parseWindow(body), {
        from: Number(getConfig("bearing_from") ?? 110),
        to: Number(getConfig("bearing_to") ?? 130),
        limit: Number(getConfig("bearing_limit") ?? 0.5),
      });
      const milliseconds = Math.round((performance.now() - started) * 100) / 100;
      if (alarm !== undefined) send(`alarms.vibration-${machine}`, { ...report, ...alarm });
      send(`vibration.${machine}`, { ...report, milliseconds });
    } catch (error) {
      // A string is what `result<_, string>` carries; an Error would end the call as a trap.
      // oxlint-disable-next-line typescript/only-throw-error
      throw errorText(error);
    }
  },
};

const send = (subject: string, body: unknown): void => publish({ subject, body: encodeUtf8(JSON.stringify(body)) });
