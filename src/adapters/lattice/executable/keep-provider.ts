import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { nkeys } from "@nats-io/transport-node";
import { PetioleError, isPetioleError } from "../../../domain/errors.ts";
import type { ProviderReport } from "../../../domain/status.ts";
import { z } from "zod";
import { millis, seconds, type Millis } from "../../../domain/units.ts";
import { backoffDelay, type BackoffOptions } from "../../../lib/backoff.ts";
import type { Clock } from "../../../lib/clock.ts";
import { createGate } from "../../../lib/gate.ts";
import type { LogLevel, Logger } from "../../../lib/log.ts";
import { reasonOf } from "../../../lib/reason.ts";
import type { LatticeConnection } from "../connection.ts";
import type { Secrets } from "../../../host/secrets.ts";
import { providerSubject, type ProviderVerb } from "../wasmcloud/subjects.ts";
import { parseJson } from "../wasmcloud/wire.ts";
import type { ProviderSettings } from "../wasmcloud/lattice-host.ts";
import { createLinkSecrets, sealSecrets, wireSecret, type KnownLink, type WireSecret } from "./link-secrets.ts";
import { linkIdentity, linkMessage, linkRemoval } from "../wasmcloud/provider-links.ts";
import { renderHostData, secretsOf, type RpcLogin } from "./host-data.ts";
import { linkChanges } from "./link-changes.ts";
import { hearLinkRemovals } from "./link-removals.ts";
import { startProviderProcess, type ProviderProcess } from "./provider-process.ts";

export interface KeepProviderOptions {
  readonly id: string;
  readonly file: string;
  readonly record: string;
  readonly lattice: string;
  readonly host: string;
  readonly connection: LatticeConnection;
  readonly login: () => Promise<RpcLogin>;
  readonly settings: () => ProviderSettings;
  /** What the process is given of its own, for as long as this lasts. */
  readonly given?: Readonly<Record<string, string>> | undefined;
  /** Without it, links have no secrets. */
  readonly secrets?: Pick<Secrets, "get" | "watch"> | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly logLevel: LogLevel;
  /** Between asking it to end, SIGTERM, and SIGKILL. */
  readonly stopDelay: Millis;
  readonly clock: Clock;
  readonly log: Logger;
  readonly backoff?: BackoffOptions;
  /** Between two questions for its health, once it has answered one. */
  readonly healthPeriod?: Millis;
}

/** A provider that runs, and is started again whenever its process ends. Disposing it ends the process. */
export interface KeptProvider extends AsyncDisposable {
  report(): Pick<ProviderReport, "healthy" | "pid" | "restarts" | "lastError">;
  /** The settings may be others now. */
  refresh(): void;
  /** Resolves with whether the process has answered, at the latest after `limit`. */
  ready(limit: Millis): Promise<boolean>;
}

const healthAnswer = z.object({ healthy: z.boolean(), message: z.string().nullish() });

const BACKOFF: BackoffOptions = { initial: seconds(1), max: seconds(60) };
/** A process that ran this long counts as healthy: its next end starts a new row of back-offs. */
const HEALTHY_AFTER = seconds(60);
const HEALTH_PERIOD = seconds(30);
const HEALTH_LIMIT = seconds(2);
/** Until its first answer a process is asked more often: it has its links only once it listens. */
const FIRST_ANSWER: BackoffOptions = { initial: millis(200), max: seconds(5) };
const RPC_TIMEOUT = seconds(2);

interface KnownSettings extends Pick<ProviderSettings, "config"> {
  readonly links: readonly KnownLink[];
}

/** One process, and what it was told. */
interface Live {
  readonly process: ProviderProcess;
  readonly linkKey: string;
  readonly ended: AbortController;
  told: KnownSettings;
  /** Links, by their identity, that it may have dropped since. */
  doubted: Set<string>;
  answered: boolean;
}

/** Resolves once the process runs. @throws PetioleError ERR_PROVIDER_START */
export async function keepProvider(options: KeepProviderOptions): Promise<KeptProvider> {
  const { id, lattice, host, connection, clock, log, stopDelay } = options;
  const hostKey = nkeys.createCurve();
  const ownKey = nkeys.createCurve();
  const keys = {
    hostPublic: hostKey.getPublicKey(),
    providerPublic: ownKey.getPublicKey(),
    providerSeed: new TextDecoder().decode(ownKey.getSeed()),
  };
  const stop = new AbortController();
  const news = createGate(clock);
  const waiting = new Set<() => void>();
  let live: Live | undefined;
  let restarts = 0;
  let healthy: boolean | undefined;
  let lastError: PetioleError | undefined;

  const subject = (verb: ProviderVerb, whom = id): string => providerSubject(lattice, whom, verb);
  const healthPeriod = options.healthPeriod ?? HEALTH_PERIOD;

  const given: Record<string, WireSecret> = Object.fromEntries(
    Object.entries(options.given ?? {}).map(([name, value]) => [name, wireSecret(value)]),
  );
  const linkSecrets = createLinkSecrets({
    provider: id,
    secrets: options.secrets,
    onChange: () => news.open(),
    log,
  });
  const message = (link: KnownLink) => linkMessage(link, sealSecrets(link.values, hostKey, keys.providerPublic));

  async function known(): Promise<KnownSettings> {
    const { config, links } = options.settings();
    return { config, links: await linkSecrets.known(links) };
  }

  async function launch(): Promise<Live> {
    const told = await known();
    const login = await options.login();
    const hostData = renderHostData({
      host,
      lattice,
      provider: id,
      instance: randomUUID(),
      login,
      config: told.config,
      links: told.links.map(message),
      secrets: given,
      keys,
      rpcTimeout: RPC_TIMEOUT,
      logLevel: options.logLevel,
    });
    const { file, record, env } = options;
    const secrets = [...secretsOf(login), keys.providerSeed, ...Object.values(options.given ?? {})];
    const process = await startProviderProcess({ id, file, record, hostData, secrets, env, clock, log });
    log.info("Provider process runs", { pid: process.pid });
    return {
      process,
      linkKey: keys.providerPublic,
      ended: new AbortController(),
      told,
      doubted: new Set(),
      answered: false,
    };
  }

  using stack = new DisposableStack();
  stack.use(linkSecrets);
  live = await launch();
  stack.use(connection.onChange(() => news.open()));
  stack.use(hearLinkRemovals({ connection, subject: subject("linkdefs.del"), onRemoval: doubt, onGap: doubtAll }));
  const supervising = supervise(live);
  const kept = stack.move();

  async function supervise(first: Live): Promise<void> {
    let running = first;
    for (let failures = 0; ; failures++) {
      const started = clock.monotonic();
      const tending = tend(running);
      const reason = await running.process.ended;
      running.ended.abort(new Error("the process ended"));
      live = undefined;
      await tending;
      if (stop.signal.aborted) return;
      healthy = false;
      lastError = new PetioleError("ERR_PROVIDER_START", `Provider "${id}" does not go on running: ${reason}`);
      log.warn("Provider process ended, starting it again", { reason, restarts });
      if (clock.monotonic() - started > HEALTHY_AFTER) failures = 0;
      const next = await relaunch(failures);
      if (next === undefined) return;
      restarts += 1;
      live = next;
      running = next;
    }
  }

  /** Tries until a process runs; undefined when stopped meanwhile. */
  async function relaunch(failures: number): Promise<Live | undefined> {
    for (let attempt = failures; !stop.signal.aborted; attempt++) {
      await clock.sleep(backoffDelay(attempt, options.backoff ?? BACKOFF), stop.signal).catch(() => {});
      if (stop.signal.aborted) return undefined;
      try {
        const next = await launch();
        if (!stop.signal.aborted) return next;
        await next.process[Symbol.asyncDispose]();
      } catch (error) {
        // A full disk, or a file with credentials that is away: both may pass.
        lastError = isPetioleError(error)
          ? error
          : new PetioleError("ERR_PROVIDER_START", `Cannot run provider "${id}": ${reasonOf(error)}`, { cause: error });
        log.error("Provider process does not start", { reason: lastError.message });
      }
    }
    return undefined;
  }

  /** Tells a process what changes, and asks how it is, as long as it runs. */
  async function tend(running: Live): Promise<void> {
    const signal = AbortSignal.any([stop.signal, running.ended.signal]);
    let dueAt = clock.monotonic() + FIRST_ANSWER.initial;
    for (let attempt = 0; !signal.aborted;) {
      await news.wait(signal, millis(Math.max(1, dueAt - clock.monotonic()))).catch(() => {});
      if (signal.aborted) return;
      if (clock.monotonic() >= dueAt || !running.answered) {
        await askHealth(running);
        attempt += 1;
        const pause = running.answered ? healthPeriod : backoffDelay(attempt, FIRST_ANSWER);
        dueAt = clock.monotonic() + pause;
      }
      if (running.answered) await tell(running);
    }
  }

  async function askHealth(running: Live): Promise<boolean> {
    const answer = await request("health", new Uint8Array(), HEALTH_LIMIT);
    if (answer === undefined) {
      log.debug("Provider does not answer the question for its health");
      return false;
    }
    const parsed = healthAnswer.safeParse(parseJson(answer));
    if (!parsed.success) {
      log.warn("Provider's answer to the question for its health cannot be read");
      return false;
    }
    const { healthy: good, message } = parsed.data;
    if (live !== running) return false;
    if (!good && healthy !== false) log.warn("Provider is not healthy", { reason: message });
    healthy = good;
    lastError = good
      ? undefined
      : new PetioleError("ERR_PROVIDER_START", `Provider "${id}" is not healthy: ${message ?? "it does not say why"}`);
    if (!running.answered) {
      running.answered = true;
      log.info("Provider answers", { restarts });
      for (const wake of waiting) wake();
    }
    return true;
  }

  /** Another host, or this one, told the process to drop a link; when it is still wanted, it is put again. */
  function doubt(link: string): void {
    const known = [...(live?.told.links ?? []), ...options.settings().links];
    if (live === undefined || !known.some((one) => linkIdentity(one) === link)) return;
    live.doubted.add(link);
    news.open();
  }

  function doubtAll(): void {
    for (const link of live?.told.links ?? []) live?.doubted.add(linkIdentity(link));
    news.open();
  }

  async function tell(running: Live): Promise<void> {
    const now = await known();
    const { gone, fresh } = linkChanges(running.told.links, now.links);
    const current = connection.current();
    // What cannot be said now is said on the next connection.
    if (current === undefined) return;
    // Those that come while this goes on are for the next time.
    const { doubted } = running;
    running.doubted = new Set();
    const puts = new Set([...fresh, ...now.links.filter((link) => doubted.has(linkIdentity(link)))]);
    try {
      for (const link of gone) current.publish(subject("linkdefs.del"), JSON.stringify(linkRemoval(link)));
      // Removals and new links come by different subscriptions: an answer says that the first are through.
      if (gone.length + doubted.size > 0 && puts.size > 0) await askHealth(running);
      for (const link of puts) {
        current.publish(subject("linkdefs.put", running.linkKey), JSON.stringify(message(link)));
      }
      if (!isDeepStrictEqual(running.told.config, now.config)) {
        current.publish(subject("config.update"), JSON.stringify(now.config));
      }
      running.told = now;
    } catch (error) {
      log.warn("Cannot tell a provider of its links", { reason: reasonOf(error) });
    }
  }

  /** Undefined when nobody answers. */
  async function request(verb: ProviderVerb, body: Uint8Array, timeout: Millis): Promise<Uint8Array | undefined> {
    try {
      return (await connection.current()?.request(subject(verb), body, { timeout }))?.data;
    } catch {
      return undefined;
    }
  }

  async function end({ process }: Live): Promise<void> {
    const gone = process.ended.then(() => true);
    const within = async (limit: Millis): Promise<boolean> => {
      const timer = new AbortController();
      const late = clock.sleep(limit, timer.signal).then(
        () => false,
        () => false,
      );
      return await Promise.race([gone, late]).finally(() => timer.abort());
    };
    if (connection.current() !== undefined) {
      const body = new TextEncoder().encode(JSON.stringify({ host_id: host }));
      void request("default.shutdown", body, stopDelay);
      if (await within(stopDelay)) return;
    }
    process.signal("SIGTERM");
    if (await within(stopDelay)) return;
    log.warn("Provider does not end when asked to, and is killed", { pid: process.pid });
    await process[Symbol.asyncDispose]();
  }

  return {
    report: () => ({
      healthy,
      pid: live?.process.pid,
      restarts,
      lastError: lastError === undefined ? undefined : { code: lastError.code, message: lastError.message },
    }),
    refresh: () => news.open(),
    async ready(limit) {
      const answered = (): boolean => live?.answered === true;
      if (answered()) return true;
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = new AbortController();
      waiting.add(resolve);
      await Promise.race([promise, clock.sleep(limit, timer.signal).catch(() => {})]);
      waiting.delete(resolve);
      timer.abort();
      return answered();
    },
    async [Symbol.asyncDispose]() {
      if (!stop.signal.aborted) stop.abort(new Error("stopped"));
      kept.dispose();
      const running = live;
      if (running !== undefined) await end(running);
      await supervising;
    },
  };
}
