// An example component with its capabilities in memory, the way the host would serve them.

import { WitError } from "../../../src/domain/errors.ts";
import { seconds } from "../../../src/domain/units.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import { exampleComponent } from "../../support/agent.ts";
import { recordingLogger, type RecordedLog } from "../../support/provider-rig.ts";
import { GENEROUS_LIMITS, ORDINARY_INSTANCE } from "../../support/workloads.ts";

interface Published {
  readonly subject: string;
  readonly body: unknown;
}

export interface ExampleRig extends AsyncDisposable {
  call(interfaceName: string, functionName: string, ...args: readonly unknown[]): Promise<unknown>;
  readonly published: readonly Published[];
  /** Values and counters by `bucket/key`. */
  readonly stored: Map<string, Uint8Array>;
  readonly counters: ReadonlyMap<string, number>;
  /** What the component logged. */
  logged(): readonly string[];
  /** Levels of GPIO lines. */
  readonly lines: Map<string, string>;
  /** Capability functions that fail, with the `err` they give. */
  readonly failing: Map<string, unknown>;
}

export interface ExampleOptions {
  /** Where the runtime keeps what it made of the component. */
  readonly cacheDir: string;
  readonly config?: Readonly<Record<string, string>>;
  /** What an earlier instance stored. */
  readonly stored?: ReadonlyMap<string, Uint8Array>;
  /** Serves interfaces that are not in memory here. */
  readonly serve?: (interfaceName: string, functionName: string, args: readonly unknown[]) => Promise<unknown>;
}

export async function startExample(name: string, options: ExampleOptions): Promise<ExampleRig> {
  await using stack = new AsyncDisposableStack();
  const records: RecordedLog[] = [];
  const log = recordingLogger(records);
  const runtime = stack.use(createRuntime({ cacheDir: options.cacheDir, clock: systemClock, log }));
  const published: Published[] = [];
  const stored = new Map(options.stored);
  const counters = new Map<string, number>();
  const lines = new Map<string, string>();
  const failing = new Map<string, unknown>();

  // Arguments are typed by WIT; a bucket crosses as its identifier.
  const serve: Readonly<Record<string, (...args: never[]) => unknown>> = {
    "wasi:keyvalue/store#open": (identifier: string) => identifier,
    "wasi:keyvalue/store#[method]bucket.get": (bucket: string, key: string) => stored.get(`${bucket}/${key}`),
    "wasi:keyvalue/store#[method]bucket.set": (bucket: string, key: string, value: Uint8Array) =>
      void stored.set(`${bucket}/${key}`, value),
    "wasi:keyvalue/atomics#increment": (bucket: string, key: string, delta: bigint) => {
      const sum = (counters.get(`${bucket}/${key}`) ?? 0) + Number(delta);
      counters.set(`${bucket}/${key}`, sum);
      return BigInt(sum);
    },
    "wasmcloud:messaging/consumer#publish": ({ subject, body }: { subject: string; body: Uint8Array }) =>
      void published.push({ subject, body: JSON.parse(new TextDecoder().decode(body)) }),
    "petiole:gpio/lines#get": (label: string) => lines.get(label) ?? "inactive",
    "petiole:gpio/lines#set": (label: string, level: string) => void lines.set(label, level),
  };

  const prepared = await runtime.prepare(exampleComponent(name), new AbortController().signal);
  const component = stack.use(
    await runtime.start(prepared, {
      id: name,
      env: {},
      config: options.config ?? {},
      ...ORDINARY_INSTANCE,
      limits: { ...GENEROUS_LIMITS, deadline: seconds(5), queue: 64 },
      onEvent: () => {},
      log,
      onImport: async (interfaceName, functionName, args) => {
        const target = `${interfaceName}#${functionName}`;
        if (failing.has(target)) throw new WitError(failing.get(target));
        const known = serve[target];
        return known === undefined
          ? await options.serve?.(interfaceName, functionName, args)
          : known(...(args as never[]));
      },
    }),
  );
  const built = stack.move();
  return {
    call: async (interfaceName, functionName, ...args) => await component.call(interfaceName, functionName, args),
    published,
    stored,
    counters,
    logged: () => records.map(({ fields }) => fields["text"]).filter((text) => typeof text === "string"),
    lines,
    failing,
    [Symbol.asyncDispose]: async () => await built.disposeAsync(),
  };
}
