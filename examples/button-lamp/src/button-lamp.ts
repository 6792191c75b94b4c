// What happens when the button is pressed. Knows nothing of WIT: `index.ts` lends it the capabilities.

import { encodeUtf8 } from "../../lib/utf8.ts";
import { errorText } from "../../lib/error-text.ts";
import { pressesOf, type Batch } from "./presses.ts";

export type Level = "inactive" | "active";
/** Counters that the component keeps in the key-value store. */
export type Counter = "presses" | "lost-edges";

export interface Capabilities {
  lamp(): Level;
  setLamp(level: Level): void;
  /** Returns the new count. */
  count(counter: Counter, by: number): number;
  publish(subject: string, body: Uint8Array): void;
  error(message: string): void;
}

/** What the hub hears of a press. */
export interface ButtonEvent {
  /** Presses since the device was set up: a step of more than 1 means that an event went missing on the way. */
  readonly count: number;
  /** The edge's sequence on the line. */
  readonly sequence: number;
  readonly lamp: Level | "unknown";
  /** Edges that the device dropped before this press: the count may be too low by as many presses. */
  readonly lost: number;
}

/**
 * The lamp comes first, so that it reacts whatever becomes of the rest; then the count, which is on disk before the
 * hub hears of it. Nothing can be handed back to an edge that is past: each part that fails is logged by itself.
 */
export function handleBatch(batch: Batch, capabilities: Capabilities): void {
  const attempt = createAttempt(capabilities);
  if (batch.lost > 0) {
    capabilities.error(`The device dropped ${batch.lost} edges of the button`);
    attempt("count the lost edges", () => capabilities.count("lost-edges", batch.lost));
  }
  let { lost } = batch;
  for (const sequence of pressesOf(batch)) {
    const lamp = attempt("switch the lamp", () => toggle(capabilities)) ?? "unknown";
    attempt("report the press", () => {
      const event: ButtonEvent = { count: capabilities.count("presses", 1), sequence, lamp, lost };
      capabilities.publish("events.button", encodeUtf8(JSON.stringify(event)));
    });
    lost = 0;
  }
}

function toggle(capabilities: Capabilities): Level {
  const level = capabilities.lamp() === "active" ? "inactive" : "active";
  capabilities.setLamp(level);
  return level;
}

function createAttempt(capabilities: Capabilities) {
  return <T>(what: string, work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      capabilities.error(`Cannot ${what}: ${errorText(error)}`);
      return undefined;
    }
  };
}
