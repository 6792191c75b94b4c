// A service whose agent updates itself, and the developer who packs releases for it: petioles made from the sources stand for
// packaged executables.

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { askAgent } from "../../src/adapters/control/client.ts";
import type { UpdateAnswer } from "../../src/domain/release.ts";
import { seconds } from "../../src/domain/units.ts";
import { VERSION } from "../../src/domain/version.ts";
import { packRelease } from "../../src/lib/release-file.ts";
import { publicHalf } from "../../src/trust/keys.ts";
import { signStatement } from "../../src/trust/statement.ts";
import { sha256 } from "./artifacts.ts";
import { copyPetiole, type SourceChange } from "./petiole-copy.ts";
import { tempFolder } from "./processes.ts";
import { startService, type TestService } from "./service.ts";

export interface UpdateWorld extends AsyncDisposable {
  readonly config: string;
  readonly service: TestService;
  /** Packs and signs a petiole of this version; returns the release. `ballast`: bytes that make it larger. */
  release(version: string, changes?: readonly SourceChange[], ballast?: number): Promise<string>;
  /** What the command asks of the agent. `release`: a path, or a reference. */
  update(release: string): Promise<UpdateAnswer>;
}

/** @param more further keys of the configuration */
export async function openUpdateWorld(more: object = {}): Promise<UpdateWorld> {
  const stack = new AsyncDisposableStack();
  const { path } = stack.use(await tempFolder());
  const key = generateKeyPairSync("ed25519").privateKey;
  const config = join(path, "petiole.yaml");
  const [state, run] = [join(path, "state"), join(path, "run")];
  await mkdir(state);
  await writeFile(
    config,
    stringify({
      device: { id: "gw-1" },
      state_dir: state,
      cache_dir: join(path, "cache"),
      runtime_dir: run,
      agent_update: {
        keys: [{ name: "release", value: publicHalf(key).id }],
        settle: "500ms",
        offline_grace: "500ms",
        limit: "60s",
      },
      ...more,
    }),
  );
  const packaged = copyPetiole(join(path, "packaged"), VERSION);
  const service = stack.use(startService({ packaged, stateDir: state, runtimeDir: run, configFile: config }));
  await service.settled(VERSION);
  const parts = stack.move();
  return {
    config,
    service,
    async release(version, changes = [], ballast = 0) {
      const binary = copyPetiole(join(path, `made-${version}`), version, changes);
      // Behind what the shell reads.
      await appendFile(binary, randomBytes(ballast).toString("base64"));
      const bytes = await readFile(binary);
      const digest = sha256(bytes);
      const statement = { name: `petiole/linux-${process.arch}`, version, digest, size: bytes.byteLength };
      const out = join(path, `${version}.release`);
      await packRelease(binary, signStatement(statement, [key]), out);
      return out;
    },
    update: (release) => {
      const params = {
        reference: release.includes("://") ? release : `file://${release}`,
        dryRun: false,
        allowDowngrade: false,
        again: false,
      };
      return askAgent(service.socket, "agent-update", { params, timeout: seconds(120) });
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
