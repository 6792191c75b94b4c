import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isPetioleError } from "../../domain/errors.ts";
import { seconds, type Millis } from "../../domain/units.ts";
import { backoffDelay, type BackoffOptions } from "../../lib/backoff.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";
import { writeFileAtomic } from "../../lib/files.ts";
import type { Logger } from "../../lib/log.ts";
import type { NatsServerBinary } from "./find-server.ts";
import { renderLeafConfig, type LeafSettings } from "./leaf-config.ts";
import type { LeafLogins } from "./leaf-logins.ts";
import { readLeafSecrets } from "./leaf-secrets.ts";
import { watchServerHealth } from "./server-health.ts";
import { startServerProcess, type ServerProcess } from "./server-process.ts";
import { formatServerVersion, supports } from "./server-version.ts";
import { endStaleServer } from "./stale-server.ts";

export interface LeafServerOptions {
  readonly settings: LeafSettings;
  readonly logins: LeafLogins;
  readonly binary: Pick<NatsServerBinary, "path" | "version">;
  /** Owned by the leaf: configuration, pid file. Kept below the state directory. */
  readonly folder: string;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly backoff?: BackoffOptions;
  readonly readyTimeout?: Millis;
  /** How often the server is asked whether it is alive. */
  readonly healthInterval?: Millis;
}

export interface LeafServerState {
  readonly running: boolean;
  readonly pid: number | undefined;
  readonly restarts: number;
  /** Why it does not run, for people. */
  readonly reason: string | undefined;
}

/** The local nats-server, started again whenever it dies. Disposing it ends the server. */
export interface LeafServer extends AsyncDisposable {
  /** For local clients; stays the same over restarts. */
  readonly url: string;
  /** Base URL of its monitoring. */
  readonly monitorUrl: string;
  readonly version: string;
  state(): LeafServerState;
  /** What the server last complained about since it connected to the hub; for the reason of a link that is down. */
  linkProblem(): string | undefined;
  /** Ends the server; the supervisor starts it again at once. For a link that hangs. */
  restart(reason: string): void;
  /**
   * Makes the server read the files of its settings again and connect to the hub anew. A server that cannot do so while
   * it runs is restarted, and local clients connect again.
   */
  reload(reason: string): Promise<void>;
}

const DEFAULT_BACKOFF: BackoffOptions = { initial: seconds(1), max: seconds(30) };
/** A server that ran this long counts as healthy: its next death starts a new row of back-offs. */
const HEALTHY_AFTER = seconds(60);

/**
 * Starts the server and resolves when it accepts clients; whether the hub is there makes no difference.
 * @throws PetioleError ERR_LEAF_SERVER with what the server said, such as a port in use
 */
export async function startLeafServer(options: LeafServerOptions): Promise<LeafServer> {
  const { folder, log } = options;
  const clock = options.clock ?? systemClock;
  const [configFile, pidFile] = [join(folder, "nats-server.conf"), join(folder, "nats-server.pid")];
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await endStaleServer({ pidFile, configFile, clock, log });
  const portsFolder = join(folder, "ports");
  let { settings } = options;

  // Readable by nobody else: URLs may carry passwords.
  async function writeConfig(disabled = false): Promise<void> {
    const secrets = await readLeafSecrets(settings, options.logins);
    const { version } = options.binary;
    const text = renderLeafConfig({ settings, secrets, files: { portsFolder }, version, disabled });
    await writeFileAtomic(configFile, text, 0o600);
  }

  async function launch(): Promise<ServerProcess> {
    // Ports files of servers that were killed; the process numbers in their names come round again.
    await rm(portsFolder, { recursive: true, force: true });
    await mkdir(portsFolder, { mode: 0o700 });
    await writeConfig();
    return startServerProcess({
      binary: options.binary.path,
      configFile,
      pidFile,
      portsFolder,
      listen: settings.listen,
      readyTimeout: options.readyTimeout ?? seconds(15),
      clock,
      log,
    });
  }

  let current: ServerProcess | undefined = await launch();
  const { ports } = current;
  // Ports that the server chose are kept, because clients are told an address once.
  settings = {
    ...settings,
    listen: { ...settings.listen, port: ports.client },
    monitor: { ...settings.monitor, port: ports.monitor },
  };
  const version = formatServerVersion(options.binary.version);
  log.info("Local nats-server is ready", { pid: current.pid, port: ports.client, version });

  const stop = new AbortController();
  let restarts = 0;
  let reason: string | undefined;
  let wanted: string | undefined;
  const supervising = supervise(current);

  async function supervise(first: ServerProcess): Promise<void> {
    let server = first;
    let failures = 0;
    for (;;) {
      const started = clock.monotonic();
      const end = await server.ended;
      current = undefined;
      await server[Symbol.asyncDispose]();
      if (stop.signal.aborted) return;
      reason = wanted ?? end;
      log.warn("Local nats-server ended, starting it again", { reason });
      if (clock.monotonic() - started > HEALTHY_AFTER || wanted !== undefined) failures = 0;
      const next = await relaunch(wanted === undefined ? failures : undefined);
      if (next === undefined) return;
      wanted = undefined;
      failures += 1;
      restarts += 1;
      reason = undefined;
      server = next;
      current = next;
      log.info("Local nats-server is ready again", { pid: server.pid, restarts });
    }
  }

  /** Tries until a server runs; undefined when stopped meanwhile. `failures` undefined means: at once. */
  async function relaunch(failures: number | undefined): Promise<ServerProcess | undefined> {
    for (let attempt = failures ?? -1; !stop.signal.aborted; attempt++) {
      if (attempt >= 0) {
        const delay = backoffDelay(attempt, options.backoff ?? DEFAULT_BACKOFF);
        await clock.sleep(delay, stop.signal).catch(() => {});
        if (stop.signal.aborted) return undefined;
      }
      try {
        const next = await launch();
        if (!stop.signal.aborted) return next;
        await next[Symbol.asyncDispose]();
      } catch (error) {
        // A full disk or a port that something else took: both may pass, and the agent works without the server.
        reason = isPetioleError(error) ? error.message : String(error);
        log.error("Local nats-server does not start", { err: error });
      }
    }
    return undefined;
  }

  function restart(why: string): void {
    if (current === undefined) return;
    wanted = why;
    void current[Symbol.asyncDispose]();
  }

  const monitorUrl = `http://${hostOf(settings.monitor.host)}:${ports.monitor}`;
  const health = watchServerHealth({
    // A server that is being started again is the supervisor's matter.
    probe: async (timeout) => current === undefined || (await fetchAnything(monitorUrl, timeout)),
    onStuck: () => restart("it runs but does not answer"),
    clock,
    ...(options.healthInterval === undefined
      ? {}
      : { interval: options.healthInterval, timeout: options.healthInterval }),
  });

  /** Only a remote that was switched off and on connects again, and reads its files as it does. */
  async function switchRemote(server: ServerProcess): Promise<boolean> {
    if (!supports(options.binary.version, "remoteReload")) return false;
    for (const disabled of [true, false]) {
      await writeConfig(disabled);
      if (!(await server.reload())) return false;
    }
    return true;
  }

  async function reload(why: string): Promise<void> {
    const server = current;
    if (server === undefined) return;
    log.info("Local nats-server takes up its files again", { reason: why });
    try {
      // Before anything is stopped for it: what cannot be read must not take down what still works.
      await readLeafSecrets(settings, options.logins);
      if (await switchRemote(server)) return;
    } catch (error) {
      log.warn("The files of the local nats-server cannot be used", { err: error });
      return;
    }
    if (current === server) restart(why);
  }

  return {
    url: `nats://${hostOf(settings.listen.host)}:${ports.client}`,
    monitorUrl,
    version,
    state: () => ({ running: current !== undefined, pid: current?.pid, restarts, reason }),
    linkProblem: () => current?.linkProblem(),
    restart,
    reload,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await health[Symbol.asyncDispose]();
      await current?.[Symbol.asyncDispose]();
      await supervising;
    },
  };
}

async function fetchAnything(url: string, timeout: Millis): Promise<boolean> {
  const response = await fetch(`${url}/varz`, { signal: AbortSignal.timeout(timeout) });
  await response.arrayBuffer();
  return response.ok;
}

function hostOf(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
