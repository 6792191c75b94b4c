import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { parseConfig } from "../../src/config/parse.ts";
import { openHub, type Hub } from "../../src/daemon/hub.ts";
import type { HubLink } from "../../src/domain/hub-link.ts";
import type { OutboxMessage } from "../../src/domain/outbox.ts";
import { createClockSync, type ClockSync } from "../../src/lib/clock-sync/clock-sync.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger, type Logger } from "../../src/lib/log.ts";
import type { Outbox } from "../../src/provider/services.ts";
import { openTestInbox } from "./inbox.ts";
import { createMemoryOutbox, type MemoryOutbox } from "./memory-outbox.ts";
import { testNatsBinary } from "./nats.ts";
import { freePort } from "./ports.ts";
import { tempFolder } from "./processes.ts";
import { waitFor } from "./wait-for.ts";

/** An agent's way to the hub, built from its configuration as the agent builds it, with an outbox in memory. */
export interface Device extends AsyncDisposable {
  readonly hub: Hub;
  readonly source: MemoryOutbox;
  /** What the hub's link gave to the outbox, from local clients. */
  readonly published: readonly OutboxMessage[];
  /** For local clients, in leaf mode. */
  readonly localUrl: string;
  readonly monitorUrl: string;
  readonly folder: string;
  until(link: HubLink): Promise<void>;
  /** Waits for a reason of the link's state that matches. */
  reason(pattern: RegExp): Promise<string>;
  /** Process of the local nats-server, as its pid file says. */
  serverPid(): Promise<number>;
}

export interface DeviceOptions {
  readonly hub: Readonly<Record<string, unknown>>;
  readonly local?: Readonly<Record<string, unknown>>;
  readonly leaf?: Readonly<Record<string, unknown>>;
  readonly binary?: string;
  readonly log?: Logger;
  readonly publish?: Outbox["publish"];
  /** One that trusts the clock unless given. */
  readonly clockSync?: ClockSync;
}

function trustedClock(): ClockSync {
  const facts = { policy: "trusted", released: 0, bootId: "boot", witnesses: async () => ({}) } as const;
  return createClockSync({ ...facts, clock: systemClock, log: silentLogger });
}

export async function startDevice(options: DeviceOptions): Promise<Device> {
  const binary = options.binary ?? (await testNatsBinary());
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const [listen, monitor] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const text = stringify({
    device: { id: "press-7" },
    state_dir: join(folder.path, "state"),
    hub: { poll_interval: "100ms", echo_interval: "300ms", echo_timeout: "1s", ...options.hub },
    leaf: {
      listen,
      monitor,
      server: binary,
      reconnect: "1s",
      ...options.leaf,
      ...(options.local === undefined ? {} : { local: options.local }),
    },
  });
  const source = createMemoryOutbox();
  const published: OutboxMessage[] = [];
  const publish: Outbox["publish"] = async (message) => {
    published.push(message);
    const body = new TextDecoder().decode(message.body);
    return { outcome: "durable", seq: source.add(message.lane, message.subject, body, message.headers) };
  };
  const unused = async (): Promise<never> => {
    throw new Error("not part of this test");
  };
  const inbox = stack.use(await openTestInbox());
  const hub = stack.use(
    openHub({
      config: parseConfig(text, join(folder.path, "petiole.yaml")),
      source,
      outbox: { publish: options.publish ?? publish, stats: unused, ledger: unused },
      inbox,
      env: {},
      clock: systemClock,
      clockSync: options.clockSync ?? trustedClock(),
      log: options.log ?? silentLogger,
    }),
  );
  const kept = stack.move();
  const describe = (cause: unknown): Error => new Error(`The link is ${JSON.stringify(hub.state())}`, { cause });
  return {
    hub,
    source,
    published,
    localUrl: `nats://${listen}`,
    monitorUrl: `http://${monitor}`,
    folder: folder.path,
    until: async (link) => {
      await waitFor(`the link to be ${link}`, () => hub.state().link === link, 30_000).catch((cause: unknown) => {
        throw describe(cause);
      });
    },
    reason: async (pattern) =>
      await waitFor(`a reason like ${pattern}`, () => {
        const { reason } = hub.state();
        return reason !== undefined && pattern.test(reason) && reason;
      }).catch((cause: unknown) => {
        throw describe(cause);
      }),
    serverPid: async () => {
      return Number(await readFile(join(folder.path, "state", "leaf", "nats-server.pid"), "utf8"));
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
