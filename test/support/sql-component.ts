import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { fixtureComponent } from "./agent.ts";
import { tempFolder } from "./processes.ts";
import type { BoundLink } from "./provider-rig.ts";
import { GENEROUS_LIMITS, ORDINARY_INSTANCE } from "./workloads.ts";

/** A component that uses `wasmcloud:postgres`. */
export interface SqlComponent extends AsyncDisposable {
  call(functionName: string, ...args: readonly unknown[]): Promise<unknown>;
}

/** Starts it, linked as the host would link it. */
export async function startSqlComponent(link: BoundLink): Promise<SqlComponent> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const runtime = stack.use(createRuntime({ cacheDir: folder.path, clock: systemClock, log: silentLogger }));
  const prepared = await runtime.prepare(fixtureComponent("sql"), AbortSignal.timeout(60_000));
  const component = stack.use(
    await runtime.start(prepared, {
      id: "recorder",
      env: {},
      config: {},
      ...ORDINARY_INSTANCE,
      limits: GENEROUS_LIMITS,
      onEvent: () => {},
      onImport: async (interfaceName, functionName, args) => await link.call(interfaceName, functionName, ...args),
      log: silentLogger,
    }),
  );
  const owned = stack.move();
  return {
    call: async (functionName, ...args) => await component.call("petiole:fixture-sql/probe", functionName, args),
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  };
}
