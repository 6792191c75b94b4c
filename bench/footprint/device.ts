// What the measured agent is told to run.

import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const example = (name: string): string => join(ROOT, "examples", name, "build", `${name}.wasm`);

/** The components that fiveComponents() has, which have to be called before they are measured. */
export const COMPONENTS = ["ticker", "smoother", "climate", "counter", "button-lamp"] as const;

/**
 * Five components in QuickJS, each with an instance that works: timers call three of them, one gets what another
 * publishes, and an output of one moves an input of the last through `controlSocket`.
 */
export function fiveComponents(controlSocket: string): Readonly<Record<string, unknown>> {
  const every = "200ms";
  // Machines that are busy with other things are no reason to stop a component.
  const deadline = "60s";
  const timer = (to: string, name: string): unknown => ({
    from: "clock",
    to,
    interfaces: ["petiole:timer/timer-handler"],
    config: { timers: { [name]: { every } } },
  });
  const keyvalue = ["wasi:keyvalue/store", "wasi:keyvalue/atomics"];
  const outbox = (from: string, subject: string): unknown => ({
    from,
    to: "hub",
    interfaces: ["wasmcloud:messaging/consumer"],
    config: { lanes: [{ subject, lane: "standard" }] },
  });
  return {
    components: {
      ticker: { file: join(ROOT, "bench/components/build/ticker.wasm"), deadline },
      smoother: { file: example("smoother"), deadline },
      climate: { file: example("climate"), deadline },
      counter: { file: example("kvcounter"), deadline },
      "button-lamp": { file: example("button-lamp"), deadline },
    },
    providers: {
      clock: { type: "timer" },
      store: { type: "keyvalue-sqlite" },
      hub: { type: "messaging-nats" },
      local: { type: "messaging-memory" },
      bus: {
        type: "i2c",
        config: { bus: { backend: "simulated", devices: { 0x44: { answers: { "e0 00": "66 66 93 80 00 a2" } } } } },
      },
      pins: {
        type: "gpio",
        config: {
          chip: { backend: "simulated", lines: 32, control_socket: controlSocket },
          lines: {
            button: { line: 17, direction: "input", edges: "both" },
            lamp: { line: 27, direction: "output" },
          },
        },
      },
    },
    links: [
      timer("ticker", "tank"),
      timer("climate", "hall"),
      timer("counter", "often"),
      { from: "ticker", to: "local", interfaces: ["wasmcloud:messaging/consumer"] },
      {
        from: "local",
        to: "smoother",
        interfaces: ["wasmcloud:messaging/handler"],
        config: { subscriptions: [{ subject: "sensors.>" }] },
      },
      { from: "smoother", to: "store", interfaces: keyvalue },
      outbox("smoother", "readings.>"),
      {
        from: "climate",
        to: "bus",
        interfaces: ["petiole:i2c/devices", "wasi:i2c/i2c"],
        config: { devices: { climate: 0x44 } },
      },
      outbox("climate", "climate.>"),
      { from: "counter", to: "store", interfaces: keyvalue },
      {
        from: "pins",
        to: "button-lamp",
        interfaces: ["petiole:gpio/edge-handler"],
        config: { lines: { button: "read" } },
      },
      {
        from: "button-lamp",
        to: "pins",
        interfaces: ["petiole:gpio/lines"],
        config: { lines: { lamp: "write" } },
      },
      { from: "button-lamp", to: "store", interfaces: keyvalue },
      outbox("button-lamp", "events.>"),
    ],
  };
}
