// The WIT edges of the button and its lamp: edges come in from GPIO, presses leave as messages.

import type { EdgeBatch } from "petiole:gpio/edge-handler@0.1.0";
import { get as getLevel, set as setLevel } from "petiole:gpio/lines@0.1.0";
import { get as getConfig } from "wasi:config/store@0.2.0-rc.1";
import { increment } from "wasi:keyvalue/atomics@0.2.0-draft";
import { open } from "wasi:keyvalue/store@0.2.0-draft";
import { log } from "wasi:logging/logging@0.1.0-draft";
import { publish } from "wasmcloud:messaging/consumer@0.2.0";
import { once } from "../../lib/once.ts";
import { handleBatch, type Capabilities } from "./button-lamp.ts";

const CONTEXT = "button-lamp";

/** The handle lives as long as the instance. Not opened here: this code runs when the component is built. */
const bucket = once(() => open("button-lamp"));

/** Labels of the two lines, which a deployment may name otherwise. */
const buttonLabel = (): string => getConfig("button") ?? "button";
const lampLabel = (): string => getConfig("lamp") ?? "lamp";

const capabilities: Capabilities = {
  lamp: () => getLevel(lampLabel()),
  setLamp: (level) => setLevel(lampLabel(), level),
  count: (counter, by) => increment(bucket(), counter, by),
  publish: (subject, body) => publish({ subject, body }),
  error: (message) => log("error", CONTEXT, message),
};

export const edgeHandler = {
  handleEdges({ label, events, lost }: EdgeBatch): void {
    if (label !== buttonLabel()) return;
    const edges = events.map(({ edge, sequence }) => ({ edge, sequence: sequence }));
    handleBatch({ events: edges, lost: lost }, capabilities);
  },
};
