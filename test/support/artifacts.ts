import { createHash } from "node:crypto";
import { join } from "node:path";
import {
  createArtifactStore,
  type ArtifactStore,
  type ArtifactStoreDeps,
} from "../../src/adapters/artifacts/artifact-store.ts";
import type { RegistrySettings } from "../../src/adapters/artifacts/oci/credentials.ts";
import { pushComponent, type Pushed } from "../../src/adapters/artifacts/oci/push.ts";
import { openArtifactSource } from "../../src/adapters/artifacts/open-source.ts";
import { formatReference, parseReference } from "../../src/domain/artifact-reference.ts";
import { mebibytes, millis, seconds } from "../../src/domain/units.ts";
import type { ObjectReader } from "../../src/host/ports.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { tempFolder } from "./processes.ts";

export const sha256 = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** Bytes that begin as WebAssembly does, differ by `seed`, and do not compress. */
export function wasmLike(size: number, seed: string): Buffer {
  const blocks: Buffer[] = [Buffer.from("\0asm\u000d\0\u0001\0", "latin1")];
  for (let at = 8, i = 0; at < size; at += 32, i++) blocks.push(createHash("sha256").update(`${seed} ${i}`).digest());
  return Buffer.concat(blocks).subarray(0, size);
}

export const noObjects: ObjectReader = {
  find: () => Promise.reject(new Error("no object store in this test")),
  read: () => Promise.reject(new Error("no object store in this test")),
};

export interface StoreRig extends AsyncDisposable {
  readonly store: ArtifactStore;
  readonly folder: string;
  /** Another store on the same folder, as after a restart. */
  reopen(more?: Partial<ArtifactStoreDeps>): ArtifactStore;
}

export interface StoreRigOptions extends Partial<ArtifactStoreDeps> {
  readonly registries?: Readonly<Record<string, RegistrySettings>>;
  readonly dockerConfigFile?: string;
  readonly objects?: ObjectReader;
  readonly env?: Readonly<Record<string, string>>;
}

export async function artifactRig(options: StoreRigOptions = {}): Promise<StoreRig> {
  const { registries = {}, dockerConfigFile, objects = noObjects, env = {}, ...deps } = options;
  const temporary = await tempFolder();
  const folder = deps.folder ?? join(temporary.path, "artifacts");
  const stall = deps.stall ?? seconds(20);
  const reopen = (more: Partial<ArtifactStoreDeps> = {}): ArtifactStore =>
    createArtifactStore({
      folder,
      maxSize: mebibytes(64),
      maxArtifact: mebibytes(64),
      stall,
      openSource: (reference) => openArtifactSource(reference, { registries, dockerConfigFile, stall, env, objects }),
      verify: async () => {},
      clock: systemClock,
      log: silentLogger,
      backoff: { initial: millis(5), max: millis(20) },
      ...deps,
      ...more,
    });
  return { store: reopen(), folder, reopen, [Symbol.asyncDispose]: () => temporary[Symbol.asyncDispose]() };
}

/** The reference, spelled out as the store is asked with. */
export function spelled(text: string): string {
  const parsed = parseReference(text);
  if ("fault" in parsed) throw new Error(parsed.fault);
  return formatReference(parsed.reference);
}

export async function push(
  text: string,
  bytes: Uint8Array,
  settings: RegistrySettings = { insecure: true },
  annotations: Readonly<Record<string, string>> = {},
): Promise<Pushed> {
  const parsed = parseReference(text);
  if ("fault" in parsed || parsed.reference.kind !== "oci") throw new Error(`not a registry's: ${text}`);
  const image = { bytes, created: new Date(0), imports: [], exports: [], annotations };
  const registry = { settings, stall: seconds(20), env: {} };
  return await pushComponent(image, { reference: parsed.reference, registry }, AbortSignal.timeout(60_000));
}
