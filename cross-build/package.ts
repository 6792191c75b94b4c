// npm run package -- --target linux-arm64|linux-x64 [--binary FILE] [--out DIR] [--version VERSION]
//   [--nats-server auto|none|PATH] [--compression xz|none] [--json]
//
// Makes the Debian package of an executable that `npm run build` made. SOURCE_DATE_EPOCH sets its time; without it,
// that is the time of the last commit.
//
//   --nats-server auto|none|PATH  the nats-server for leaf nodes: one that Go builds, where this machine has Go, none,
//                                 or one for the target that is given

import { existsSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { NoGo } from "../scripts/build-nats-server.ts";
import { VERSION } from "../src/domain/version.ts";
import { reasonOf } from "../src/lib/reason.ts";
import { buildPackage } from "./deb/build.ts";
import { commandLine, inventoryBeside, sourceEpoch } from "./deb/sources.ts";
import { obtainServer, type NatsServerPart } from "./nats-server.ts";
import { isTarget, TARGETS, type TargetName } from "./targets.ts";

const ROOT = join(import.meta.dirname, "..");
const COMPRESSIONS = ["xz", "none"] as const;

const { values } = parseArgs({
  options: {
    target: { type: "string" },
    binary: { type: "string" },
    out: { type: "string", default: join(ROOT, "dist") },
    version: { type: "string", default: VERSION },
    "nats-server": { type: "string", default: "auto" },
    compression: { type: "string", default: "xz" },
    json: { type: "boolean", default: false },
  },
});

const { target, json } = values;
const compression = COMPRESSIONS.find((one) => one === values.compression);
if (!isTarget(target)) fail(`--target is ${Object.keys(TARGETS).join(" or ")}`);
if (compression === undefined) fail(`--compression is one of ${COMPRESSIONS.join(", ")}`);
if (!/^\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?$/.test(values.version)) fail(`"${values.version}" is no version`);
const binary = resolve(values.binary ?? join(ROOT, "dist", target, "petiole"));
if (!existsSync(binary)) fail(`"${binary}" is missing: npm run build -- --target ${target} makes it`);

const natsServer = await chooseServer(target, values["nats-server"]);
const built = await buildPackage({
  target,
  compression,
  binary,
  version: values.version,
  epoch: await sourceEpoch(),
  commands: await commandLine(),
  inventory: await inventoryBeside(dirname(binary)),
  natsServer,
  out: resolve(values.out),
});
const file = relative(process.cwd(), built.file);
if (json)
  console.log(
    JSON.stringify({ ...built, target, compression, version: values.version, natsServer: natsServer?.version ?? null }),
  );
else console.log(`${file}: ${(built.size / 1e6).toFixed(1)} MB, sha256 ${built.sha256}`);

/** A machine without Go makes a package without it; whatever else is wrong is a fault. */
async function chooseServer(target: TargetName, where: string): Promise<NatsServerPart | undefined> {
  if (where === "none") return undefined;
  try {
    return await obtainServer(target, where, (line) => console.error(`package: nats-server: ${line}`));
  } catch (error) {
    if (!(error instanceof NoGo)) fail(reasonOf(error));
    console.error(`package: without nats-server, which devices in leaf mode then need: ${error.message}`);
    return undefined;
  }
}

function fail(message: string): never {
  console.error(`package: ${message}`);
  process.exit(2);
}
