// The examples, each with a call that makes it do what it is for.

import { fileURLToPath } from "node:url";
import type { RunningComponent } from "../../src/runtime/contract.ts";

export interface Subject {
  readonly name: string;
  readonly file: string;
  ask(component: RunningComponent): Promise<unknown>;
}

const example = (path: string): string => fileURLToPath(new URL(`../../examples/${path}`, import.meta.url));

const message =
  (body: string | Uint8Array) =>
  async (component: RunningComponent): Promise<unknown> =>
    await component.call("wasmcloud:messaging/handler", "handle-message", [
      { subject: "sensors/one", body: typeof body === "string" ? Buffer.from(body) : body, replyTo: undefined },
    ]);

const TELEGRAM =
  "/X\r\n\r\n0-0:1.0.0(260704120000S)\r\n0-0:96.1.1(4530)\r\n1-0:1.8.1(1*kWh)\r\n1-0:1.8.2(1*kWh)\r\n" +
  "1-0:2.8.1(0*kWh)\r\n1-0:2.8.2(0*kWh)\r\n1-0:1.7.0(0.4*kW)\r\n!5312\r\n";

/** What the others are compared with. */
export const BASELINE: Subject = {
  name: "typescript",
  file: example("smoother/build/smoother.wasm"),
  ask: message('{ "sensor": "boiler", "seq": 1, "value": 61.2 }'),
};

const SENTENCE = "$WIMWV,043.5,R,07.5,M,A*10";

export const SUBJECTS: readonly Subject[] = [
  {
    name: "c",
    file: example("languages/c/build/nmea.wasm"),
    ask: async (component) =>
      await component.call("petiole:serial/frame-handler", "handle-frame", [
        { label: "gps", payload: Buffer.from(SENTENCE), timestamp: 1n, sequence: 1n, lost: 0n, faults: {} },
      ]),
  },
  {
    name: "rust",
    file: example("languages/rust/build/spectrum.wasm"),
    ask: message(new Uint8Array(new Int16Array(1024).map((_, at) => 1000 * Math.sin(at)).buffer)),
  },
  {
    name: "go",
    file: example("languages/go/build/logbook.wasm"),
    ask: async (component) => {
      const asked = { scheme: "http", authority: "localhost", headers: [], body: undefined };
      const response = await component.http({ ...asked, method: "GET", pathWithQuery: "/entries/1" });
      if (response.status !== 404) throw new Error(`The logbook answered ${response.status}`);
    },
  },
  { name: "python", file: example("languages/python/build/meter.wasm"), ask: message(TELEGRAM) },
];

export function subjectOf(name: string): Subject {
  const found = [BASELINE, ...SUBJECTS].find((subject) => subject.name === name);
  if (found === undefined) throw new Error(`There is no "${name}"`);
  return found;
}
