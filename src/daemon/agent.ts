import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { PROVIDERS } from "../../providers/index.ts";
import { SOCKET_NAME } from "../adapters/control/protocol.ts";
import { openControlServer } from "../adapters/control/server.ts";
import { openStore } from "../adapters/store/index.ts";
import { desiredStateOf } from "../config/desired-state.ts";
import type { Config } from "../config/schema.ts";
import { PetioleError } from "../domain/errors.ts";
import type { AgentStatus } from "../domain/status.ts";
import { VERSION } from "../domain/version.ts";
import { createHost } from "../host/host.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { createRuntime } from "../runtime/runtime.ts";
import { readTrustedKey } from "../runtime/aot/keys.ts";
import { openHub } from "./hub.ts";
import { createPatientStats } from "./patient-stats.ts";
import { reasonOf } from "../lib/reason.ts";

// Seals the component cache. With the state, as the cache may be on a disk that others can write to.
const CACHE_KEY = "cache.key";

export interface AgentDeps {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts what takes long at the start, such as transpiling; the agent is to be disposed then. */
  readonly signal: AbortSignal;
}

/** A running agent. Disposing it stops deliveries, lets calls end, commits the outbox and ends the child processes. */
export interface Agent extends AsyncDisposable {
  status(): Promise<AgentStatus>;
}

/**
 * Builds the agent from its parts and starts what the configuration wants. Resolves when everything local had its first
 * try; the hub is not waited for.
 * @throws PetioleError ERR_STORE_LOCKED, ERR_STORE_OPEN and other failures of the agent's own folders
 */
export async function openAgent({ config, env, clock, log, signal }: AgentDeps): Promise<Agent> {
  await using stack = new AsyncDisposableStack();
  await makeFolder(config.state_dir);
  await makeFolder(config.cache_dir);

  const store = stack.use(
    await openStore({
      dir: config.state_dir,
      clock,
      log: log.child({ part: "store" }),
      outbox: {
        maxBytes: config.outbox.max_size,
        maxMessage: config.outbox.max_message,
        commitInterval: config.outbox.commit_interval,
        commitRows: config.outbox.commit_rows,
      },
    }),
  );
  const outboxStats = createPatientStats({ outbox: store.outbox, clock });
  // While the store has nothing else to do: a status that comes later need not wait for the disk.
  await outboxStats();
  const hub = stack.use(openHub({ config, source: store.outbox, env, clock, log }));
  const runtime = stack.use(
    createRuntime({
      cacheDir: config.cache_dir,
      keyFile: join(config.state_dir, CACHE_KEY),
      cacheQuota: config.runtime.cache_size,
      trustedKeys: await Promise.all(config.runtime.trusted_keys.map(readTrustedKey)),
      workers: config.runtime.workers,
      compile: { memory: config.compiler.memory, time: config.compiler.timeout },
      clock,
      log: log.child({ part: "runtime" }),
    }),
  );
  const services = { outbox: store.outbox, keyValue: store.keyValue, bus: hub.bus };
  const host = stack.use(createHost({ runtime, registry: PROVIDERS, services, clock, log }));

  const giveUp = (): void => void host[Symbol.asyncDispose]();
  signal.addEventListener("abort", giveUp, { once: true });
  if (signal.aborted) giveUp();

  const started = clock.monotonic();
  const desired = desiredStateOf(config);
  let state: AgentStatus["state"] = "starting";
  const status = async (): Promise<AgentStatus> => ({
    device: config.device.id,
    version: VERSION,
    pid: process.pid,
    state,
    uptime: (clock.monotonic() - started) / 1000,
    rss: process.memoryUsage.rss(),
    hub: hub.state(),
    outbox: await outboxStats(),
    ...host.status(),
    links: desired.links.map(({ name, source, target, interfaces }) => ({ name, source, target, interfaces })),
  });
  const path = join(config.runtime_dir, SOCKET_NAME);
  stack.use(await openControlServer({ path, handlers: { status }, log: log.child({ part: "control" }) }));

  await host.apply(desired);
  state = "running";
  const parts = stack.move();
  return { status, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new PetioleError("ERR_STORE_OPEN", `Cannot use the folder "${path}": ${reason}`, { cause });
  }
}
