import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import { Readable } from "node:stream";
import { stringify } from "yaml";
import { pushFile } from "../../adapters/artifacts/oci/push.ts";
import { dial } from "../../adapters/lattice/dial.ts";
import { writeObject } from "../../adapters/lattice/object-writer.ts";
import { formatReference, type ObjectReference, type OciReference } from "../../domain/artifact-reference.ts";
import { PetioleError } from "../../domain/errors.ts";
import {
  interruption,
  referenceArgument,
  registryConfig,
  registryOptions,
  type RegistryCliOptions,
} from "../artifacts/settings.ts";
import { checkServer } from "../lattice/options.ts";
import { createProgress } from "../progress.ts";
import { formatBytes } from "../table.ts";
import { readRelease } from "./read.ts";

export interface PushReleaseOptions extends RegistryCliOptions {
  readonly nats: string;
  readonly creds?: string;
  readonly dryRun?: true;
}

interface Answer {
  /** What a device's document says, or `petiole agent update`. */
  readonly reference: string;
  readonly version: string;
  readonly target: string;
  readonly size: number;
  readonly outcome: "pushed" | "would-push";
  /** The hub had no such bucket. */
  readonly madeBucket: boolean;
}

const ARTIFACT_TYPE = "application/vnd.petiole.release.v1";

/** `petiole release push`: puts a release where agents fetch it. */
export async function releasePush(file: string, text: string, options: PushReleaseOptions): Promise<void> {
  const reference = referenceArgument(text);
  if (reference.kind === "file" || (reference.kind === "oci" && reference.digest !== undefined)) {
    throw new PetioleError(
      "ERR_ARTIFACT_REFERENCE",
      `Cannot push to "${text}": want oci://registry/repository:tag or nats-object://bucket/name`,
    );
  }
  if (reference.kind === "nats-object") checkServer(options.nats);
  using progress = createProgress(options.json === true);
  progress.show(`Checking ${file}`);
  const { statement } = await readRelease(file);
  const { size } = await stat(file);
  const target = statement.name.replace(/^.*\//, "");
  const show = (sent: number): void => progress.show(`Pushing ${file}: ${formatBytes(sent)} of ${formatBytes(size)}`);
  let madeBucket = false;
  if (options.dryRun !== true) {
    if (reference.kind === "oci") await toRegistry(file, reference, options, show);
    else madeBucket = await toHub(file, reference, options, show);
  }
  progress[Symbol.dispose]();
  const outcome = options.dryRun === true ? "would-push" : "pushed";
  const answer: Answer = {
    reference: formatFull(reference),
    version: statement.version,
    target,
    size,
    outcome,
    madeBucket,
  };
  process.stdout.write(options.json === true ? `${JSON.stringify(answer)}\n` : formatAnswer(answer));
}

async function toRegistry(
  file: string,
  reference: OciReference,
  options: PushReleaseOptions,
  onProgress: (sent: number) => void,
): Promise<void> {
  const config = await registryConfig(options, reference);
  const registry = registryOptions(config, reference);
  const image = { bytes: await readFile(file), fileName: basename(file), artifactType: ARTIFACT_TYPE };
  await pushFile(image, { reference, registry, onProgress }, interruption());
}

/** Whether the hub had no such bucket. */
async function toHub(
  file: string,
  reference: ObjectReference,
  { nats: server, creds: credentials }: PushReleaseOptions,
  onProgress: (sent: number) => void,
): Promise<boolean> {
  await using stack = new AsyncDisposableStack();
  const connection = await dial({ server, credentials });
  stack.defer(() => connection.close());
  let sent = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of createReadStream(file, { signal: interruption() })) {
      yield chunk as Buffer; // No encoding is set.
      onProgress((sent += (chunk as Buffer).byteLength));
    }
  };
  const content = Readable.toWeb(Readable.from(counted())) as ReadableStream<Uint8Array>;
  return await writeObject(connection, reference, content);
}

/** With the scheme that documents and `petiole agent update` want. */
const formatFull = (reference: OciReference | ObjectReference): string =>
  reference.kind === "oci" ? `oci://${formatReference(reference)}` : formatReference(reference);

function formatAnswer({ reference, version, target, size, outcome, madeBucket }: Answer): string {
  if (outcome === "would-push") return `${reference}: would get version ${version} for ${target}; nothing was sent\n`;
  const made = madeBucket
    ? "The hub had no such bucket; it has one now. hub.object_buckets says what devices may read.\n"
    : "";
  const wanted = stringify({ agent: { version, release: reference } });
  return `${reference}: version ${version} for ${target}, ${formatBytes(size)}\n${made}In the document of a device:\n\n${wanted}`;
}
