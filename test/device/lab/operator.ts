// The operator's side of a fleet, with the commands that an operator has, and a hub in operator mode.

import { credsAuthenticator } from "@nats-io/transport-node";
import { readFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { PETIOLE } from "../../support/agent.ts";
import { startNats, type TestNats } from "../../support/nats.ts";
import { freePort } from "../../support/ports.ts";
import { spawnProcess } from "../../support/processes.ts";
import type { HubAccess } from "./gateway.ts";
import { run } from "./shell.ts";

export interface Operator extends AsyncDisposable {
  readonly hub: TestNats;
  /** What it does, it does here; the fleet is in `fleet`. */
  readonly folder: string;
  /** To read the fleet's streams. */
  readonly access: HubAccess;
  /** A one-time token for a device of this name. */
  token(device: string): string;
  /** Gives what the fleet knows of its devices, as JSON. */
  devices(): string;
  revoke(device: string): void;
}

interface OperatorOptions {
  readonly folder: string;
  /** Of the devices, which decides what they may do at the hub. */
  readonly configuration: object;
  /** Where devices find the hub. */
  readonly address: string;
}

export async function startOperator({ folder, configuration, address }: OperatorOptions): Promise<Operator> {
  await mkdir(folder, { recursive: true });
  await using stack = new AsyncDisposableStack();
  const dir = ["--dir", join(folder, "fleet")];
  const fleet = (...args: readonly string[]): string => run(PETIOLE, ["fleet", ...args, ...dir], { cwd: folder });
  const port = await freePort();
  const config = join(folder, "petiole.yaml");
  await writeFile(config, stringify(configuration));
  // Devices find it under the first, this machine under the second.
  const hubs = [`nats://${address}`, `nats://127.0.0.1:${port}`].flatMap((url) => ["--hub", url]);
  fleet("init", ...hubs, "--config", config, "--accounts-dir", join(folder, "accounts"));
  const hubConfig = await readFile(join(folder, "fleet/hub.conf"), "utf8");
  const hub = stack.use(await startNats({ jetstream: true, domain: "hub", leafnodes: true, port, config: hubConfig }));
  stack.use(await spawnProcess(PETIOLE, ["fleet", "serve", ...dir], { cwd: folder }));
  const kept = stack.move();
  return {
    hub,
    folder,
    access: { servers: hub.url, authenticator: credsAuthenticator(readFileSync(join(folder, "fleet/admin.creds"))) },
    token: (device) => fleet("token", "--name", device).trim(),
    devices: () => fleet("devices", "--json"),
    revoke: (device) => void fleet("revoke", device),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
