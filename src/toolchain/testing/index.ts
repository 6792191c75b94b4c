// For tests of components, as "petiole/testing": a built component in the runtime that devices have. What it offers is
// declared in contract.ts.

import { dirname, join } from "node:path";
import { PetioleError, WitError } from "../../domain/errors.ts";
import { mebibytes, seconds } from "../../domain/units.ts";
import { unversioned } from "../../domain/wit-name.ts";
import { systemClock } from "../../lib/clock.ts";
import { loggerOf, type LogFields, type Logger } from "../../lib/log.ts";
import { createRuntime } from "../../runtime/runtime.ts";
import { readProject } from "../project/project.ts";
import type * as contract from "./contract.ts";
import type { Double, Logged, Published, StartOptions } from "./contract.ts";
import { openDoubles } from "./doubles.ts";
import { sendRequest } from "./request.ts";

/** As generous as tests on a busy machine need. */
const LIMITS = {
  deadline: seconds(60),
  memory: mebibytes(64),
  table: 100_000,
  queue: 64,
  instances: 1,
  cpu: 1,
  logRate: 1000,
} as const;
const CACHE_QUOTA = mebibytes(64);

export const witError: typeof contract.witError = (payload) => new WitError(payload);

export const startComponent: typeof contract.startComponent = async (options = {}) => {
  const file = options.file ?? (await readProject(process.cwd())).out;
  await using stack = new AsyncDisposableStack();
  const published: Published[] = [];
  const logged: Logged[] = [];
  const log = keepingLogger(logged);
  const doubles = stack.use(await openDoubles(published));
  const cacheDir = join(dirname(file), "cache");
  const runtime = stack.use(createRuntime({ cacheDir, cacheQuota: CACHE_QUOTA, clock: systemClock, log }));
  const prepared = await runtime.prepare(file, new AbortController().signal);
  refuseUnknown(options.imports ?? {}, prepared.imports);
  const component = stack.use(
    await runtime.start(prepared, {
      id: "component",
      env: {},
      config: options.config ?? {},
      limits: LIMITS,
      recycling: {},
      isolation: "shared",
      grants: { folders: [], network: [] },
      onEvent: () => {},
      log,
      async onImport(interfaceName, functionName, args) {
        const own = options.imports?.[interfaceName]?.[functionName];
        const served: Double | undefined =
          own ?? (doubles.functions[interfaceName]?.[functionName] as Double | undefined);
        if (served !== undefined) return await served(...args);
        throw new PetioleError(
          "ERR_LINK_MISSING",
          `The test serves no ${interfaceName}#${functionName}: give it in "imports" of startComponent()`,
        );
      },
    }),
  );
  const built = stack.move();
  return {
    published,
    logged,
    call: async (interfaceName, functionName, ...args) => await component.call(interfaceName, functionName, args),
    http: async (request) => await sendRequest(component, request),
    configure: (config) => component.configure(config),
    [Symbol.asyncDispose]: async () => await built.disposeAsync(),
  };
};

/** A double that nothing asks for would make a test that passes for another reason than it seems to. */
function refuseUnknown(imports: NonNullable<StartOptions["imports"]>, known: readonly string[]): void {
  const names = new Set(known.map(unversioned));
  const unknown = Object.keys(imports).filter((name) => !names.has(name));
  if (unknown.length === 0) return;
  throw new PetioleError(
    "ERR_LINK_INVALID",
    `The test serves ${unknown.join(", ")}, which the component does not import: it has ${[...names].join(", ")}`,
  );
}

/** What the component logs has its text in a field; the rest is the runtime's own. */
function keepingLogger(logged: Logged[]): Logger {
  const at =
    (level: string) =>
    (_message: string, fields: LogFields = {}): void => {
      const { text } = fields;
      if (typeof text === "string") logged.push({ level, message: text });
    };
  return loggerOf(at, () => keepingLogger(logged));
}
