// From an edge of a simulated chip to the output that a component sets for it, against the same without a component.

import { createGpioProvider } from "../../providers/gpio/index.ts";
import { createSimulatedChip, createSimulatedSource } from "../../providers/gpio/simulated.ts";
import { systemClock } from "../../src/lib/clock.ts";
import type { Provider, ProviderDeps } from "../../src/provider/contract.ts";
import { bindLink, startProvider } from "../../test/support/provider-rig.ts";
import { median, quantile, type Report } from "../frame.ts";
import { temporaryFolder } from "../runtime/subject.ts";
import { openDevice } from "./device.ts";

const ROUNDS = 5;
const EDGES = 2000;
const WARM_UP = 300;
const [BUTTON, LAMP] = [0, 1];
const LINES = "petiole:gpio/lines";
const HANDLER = "petiole:gpio/edge-handler";

const CONFIG = {
  chip: { backend: "simulated", lines: 2 },
  lines: {
    button: { line: BUTTON, direction: "input", edges: "both" },
    lamp: { line: LAMP, direction: "output" },
  },
};
/** The wait between two calls is for floating inputs, and would be all that is measured. */
const EDGE_LINK = { lines: { button: "read" }, min_interval: "0ms" };
const LAMP_LINK = { lines: { lamp: "write" } };

export async function reportGpio(report: Report): Promise<void> {
  await using folder = await temporaryFolder();
  const subjects = {
    "edge → function → output": async (): Promise<Bench> => await openPlain(),
    "edge → component → output": async (): Promise<Bench> => await openWithComponent(folder.path),
  };
  const found = new Map<string, number[][]>();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, open] of Object.entries(subjects)) {
      await using bench = await open();
      for (let edge = 0; edge < WARM_UP; edge += 1) await bench.flip();
      const times: number[] = [];
      for (let edge = 0; edge < EDGES; edge += 1) times.push(await bench.flip());
      found.set(name, [...(found.get(name) ?? []), times]);
    }
  }
  const figures = [
    ["p50", 0.5],
    ["p99", 0.99],
  ] as const;
  for (const [figure, share] of figures) {
    const values = [...found].map(([name, rounds]) => ({
      name: `${name}: ${figure}`,
      value: median(rounds.map((times) => quantile(times, share))) * 1000,
      unit: "µs",
    }));
    const [plain] = values;
    for (const one of values) {
      report(one === plain ? one : { ...one, ratio: one.value / (plain?.value ?? Number.NaN) });
    }
  }
}

interface Bench extends AsyncDisposable {
  /** Gives an edge; resolves with the milliseconds until the output has followed. */
  flip(): Promise<number>;
}

function createChip() {
  const chip = createSimulatedChip({ lines: 2, clock: systemClock });
  let level = false;
  let followed: ((at: number) => void) | undefined;
  chip.onChange((line) => {
    if (line === LAMP) followed?.(performance.now());
  });
  return {
    factory: (deps: ProviderDeps): Provider => createGpioProvider(deps, async () => createSimulatedSource(chip)),
    flip: async (): Promise<number> => {
      const started = performance.now();
      const done = new Promise<number>((resolve) => (followed = resolve));
      level = !level;
      chip.drive(BUTTON, level);
      return (await done) - started;
    },
  };
}

async function openPlain(): Promise<Bench> {
  await using stack = new AsyncDisposableStack();
  const { factory, flip } = createChip();
  const { provider } = stack.use(await startProvider(factory, CONFIG));
  const lamp = stack.use(await bindLink(provider, { interfaces: [LINES], config: LAMP_LINK }));
  stack.use(
    await bindLink(provider, {
      config: EDGE_LINK,
      // The rig copies arguments, as a worker's are.
      handler: async (_name, [batch]) =>
        await lamp.call(LINES, "set", "lamp", (batch as { readonly level: string }).level),
    }),
  );
  const owned = stack.move();
  return { flip, [Symbol.asyncDispose]: async () => await owned.disposeAsync() };
}

async function openWithComponent(cacheDir: string): Promise<Bench> {
  const { factory, flip } = createChip();
  const device = await openDevice({
    component: "lamp",
    cacheDir,
    registry: { gpio: async () => factory },
    providers: [{ id: "pins", type: "gpio", config: CONFIG }],
    links: [
      { source: "pins", target: "lamp", interfaces: [HANDLER], config: EDGE_LINK },
      { source: "lamp", target: "pins", interfaces: [LINES], config: LAMP_LINK },
    ],
  });
  return { flip, [Symbol.asyncDispose]: async () => await device[Symbol.asyncDispose]() };
}
