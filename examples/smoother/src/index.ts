// The WIT edges of the smoother: readings come in as messages and as serial frames, and leave as messages.

import { get as getConfig } from "wasi:config/store@0.2.0-rc.1";
import { increment } from "wasi:keyvalue/atomics@0.2.0-draft";
import { open } from "wasi:keyvalue/store@0.2.0-draft";
import { log } from "wasi:logging/logging@0.1.0-draft";
import type { Frame } from "petiole:serial/frame-handler@0.1.0";
import { publish } from "wasmcloud:messaging/consumer@0.2.0";
import type { BrokerMessage } from "wasmcloud:messaging/handler@0.2.0";
import { errorText } from "../../lib/error-text.ts";
import { once } from "../../lib/once.ts";
import { parseLine, parseMessage } from "./reading.ts";
import { readSettings } from "./settings.ts";
import { smooth, type Capabilities } from "./smoother.ts";

const CONTEXT = "smoother";

/** The handle lives as long as the instance. Not opened here: this code runs when the component is built. */
const bucket = once(() => open("smoother"));

const capabilities: Capabilities = {
  // QuickJS has null for the `none` of an option.
  settings: () => readSettings((key) => getConfig(key) ?? undefined),
  load: (key) => bucket().get(key) ?? undefined,
  save: (key, value) => bucket().set(key, value),
  count: (counter, by) => void increment(bucket(), counter, by),
  publish: (subject, body) => publish({ subject, body }),
  warn: (message) => log("warn", CONTEXT, message),
};

export const handler = {
  handleMessage(message: BrokerMessage): void {
    try {
      smooth(parseMessage(message.body), capabilities);
    } catch (error) {
      // A string is what `result<_, string>` carries; an Error would end the call as a trap.
      // oxlint-disable-next-line typescript/only-throw-error
      throw errorText(error);
    }
  },
};

export const frameHandler = {
  handleFrame({ label, payload, sequence, lost }: Frame): void {
    if (lost > 0) {
      attempt(`Port "${label}" lost ${lost} frames, which cannot be counted`, () => {
        capabilities.count("lost-frames", lost);
        capabilities.warn(`Port "${label}" lost ${lost} frames before frame ${sequence}`);
      });
    }
    attempt(`Frame ${sequence} of port "${label}" is dropped`, () => smooth(parseLine(payload), capabilities));
  },

  handlePresence(label: string, present: boolean): void {
    log("info", CONTEXT, present ? `Port "${label}" is there` : `Port "${label}" is gone`);
  },
};

/** A frame has no result that could carry an error: what fails is logged. */
function attempt(failure: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    log("error", CONTEXT, `${failure}: ${errorText(error)}`);
  }
}
