import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { PetioleError } from "../../domain/errors.ts";
import type { Millis } from "../../domain/units.ts";
import { createKey } from "../../enrolment/keys.ts";
import { formatCredentials } from "../../enrolment/credentials.ts";
import { setProfile } from "../../fleet/account.ts";
import { adminToken } from "../../fleet/claims.ts";
import { createFleet } from "../../fleet/folder.ts";
import { hubConfig } from "../../fleet/hub-config.ts";
import { writeFileAtomic } from "../../lib/files.ts";
import { reasonOf } from "../../lib/reason.ts";
import { printAnswer } from "../agent-socket.ts";
import { profilePermissions } from "./profile.ts";
import { now, type FleetOptions } from "./shared.ts";

export interface InitOptions extends FleetOptions {
  readonly hub: readonly string[];
  readonly name: string;
  readonly config?: string;
  readonly ca?: string;
  readonly operatorSeed?: string;
  readonly systemSeed?: string;
  readonly accountsDir: string;
  readonly lifetime: Millis;
}

/** `petiole fleet init` */
export async function fleetInit(options: InitOptions): Promise<void> {
  const folder = resolve(options.dir);
  const { hub: urls, name, ca, operatorSeed, systemSeed } = options;
  for (const url of urls) {
    if (/^(nats|tls|wss?):\/\/\S+$/.test(url) && URL.canParse(url)) continue;
    throw new PetioleError(
      "ERR_FLEET_FOLDER",
      `Cannot use the hub "${url}": want a URL such as tls://hub.example:4222`,
    );
  }
  if ((operatorSeed === undefined) !== (systemSeed === undefined)) {
    throw new PetioleError(
      "ERR_FLEET_FOLDER",
      "A hub that is there already: want both --operator-seed and --system-seed",
    );
  }
  const permissions = options.config === undefined ? undefined : await profilePermissions(options.config);
  using fleet = await createFleet(folder, {
    name,
    urls: [...urls],
    ...(ca === undefined ? {} : { ca: resolve(ca) }),
    lifetime: Math.max(1, Math.floor(options.lifetime / 1000)),
    operatorSeed: operatorSeed === undefined ? undefined : await readSeed(operatorSeed),
    systemSeed: systemSeed === undefined ? undefined : await readSeed(systemSeed),
  });
  if (permissions !== undefined) setProfile(fleet, "default", permissions);
  const files = { hub: join(folder, "hub.conf"), admin: join(folder, "admin.creds") };
  const admin = createKey("user");
  const jwt = adminToken(fleet.keys.account, admin.publicKey, now());
  await writeFileAtomic(files.admin, formatCredentials({ jwt, seed: admin.seed }));
  await writeFileAtomic(files.hub, hubConfig(fleet, now(), options.accountsDir));
  const isOwn = operatorSeed === undefined;
  printAnswer(options, { folder, account: fleet.keys.account.publicKey, ...files }, () =>
    [
      `made the fleet "${name}" in ${folder}; keep it safe, and keep a copy: its keys open everything`,
      isOwn
        ? `  ${files.hub}: for the hub, \`include\` it in nats-server's configuration and restart it`
        : "  the hub has an operator already: `petiole fleet push` tells it the new account",
      `  ${files.admin}: credentials of the account's administrator, for streams and other tools`,
      ...(permissions === undefined ? ["  no profile yet: `petiole fleet profile --config FILE` makes one"] : []),
    ].join("\n"),
  );
}

async function readSeed(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).trim();
  } catch (cause) {
    throw new PetioleError("ERR_FLEET_FOLDER", `Cannot read the seed from "${file}": ${reasonOf(cause)}`, { cause });
  }
}
