import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { stringify } from "yaml";
import { pushFile } from "../../adapters/artifacts/oci/push.ts";
import { dial } from "../../adapters/lattice/dial.ts";
import { writeObject } from "../../adapters/lattice/object-writer.ts";
import { registriesOf } from "../../daemon/artifacts.ts";
import { formatReference, type ObjectReference, type OciReference } from "../../domain/artifact-reference.ts";
import { PetioleError } from "../../domain/errors.ts";
import { interruption, referenceArgument, registryConfig, type RegistryCliOptions } from "../artifacts/settings.ts";
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
}

/** `petiole release push`: puts a release where agents fetch it. */
export async function releasePush(file: string, text: string, options: PushReleaseOptions): Promise<void> {
  const reference = referenceArgument(text);
  if (reference.kind === "file") {
    throw new PetioleError(
      "ERR_ARTIFACT_REFERENCE",
      `Cannot push to "${text}": want oci://… or nats-object://bucket/name`,
    );
  }
  using progress = createProgress(options.json === true);
  progress.show(`Checking ${file}`);
  const { statement } = await readRelease(file);
  const { size } = await stat(file);
  const target = statement.name.replace(/^.*\//, "");
  const show = (sent: number): void => progress.show(`Pushing ${file}: ${formatBytes(sent)} of ${formatBytes(size)}`);
  if (options.dryRun !== true) {
    await (reference.kind === "oci"
      ? toRegistry(file, reference, options, show)
      : toHub(file, reference, options, show));
  }
  progress[Symbol.dispose]();
  const outcome = options.dryRun === true ? "would-push" : "pushed";
  const answer: Answer = { reference: formatFull(reference), version: statement.version, target, size, outcome };
  process.stdout.write(options.json === true ? `${JSON.stringify(answer)}\n` : formatAnswer(answer));
}

async function toRegistry(
  file: string,
  reference: OciReference,
  options: PushReleaseOptions,
  onProgress: (sent: number) => void,
): Promise<void> {
  const config = await registryConfig(options, reference);
  const registry = {
    settings: registriesOf(config)[reference.registry] ?? {},
    dockerConfigFile: config.artifacts.docker_config,
    stall: config.artifacts.stall_timeout,
    env: process.env,
  };
  await pushFile(await readFile(file), { reference, registry, onProgress }, interruption());
}

async function toHub(
  file: string,
  reference: ObjectReference,
  { nats: server, creds: credentials }: PushReleaseOptions,
  onProgress: (sent: number) => void,
): Promise<void> {
  checkServer(server);
  await using stack = new AsyncDisposableStack();
  const connection = await dial({ server, credentials });
  stack.defer(() => connection.close());
  let sent = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of createReadStream(file)) {
      yield chunk as Buffer; // No encoding is set.
      onProgress((sent += (chunk as Buffer).byteLength));
    }
  };
  await writeObject(connection, reference, Readable.toWeb(Readable.from(counted())) as ReadableStream<Uint8Array>);
}

/** With the scheme that documents and `petiole agent update` want. */
const formatFull = (reference: OciReference | ObjectReference): string =>
  reference.kind === "oci" ? `oci://${formatReference(reference)}` : formatReference(reference);

function formatAnswer({ reference, version, target, size, outcome }: Answer): string {
  if (outcome === "would-push") return `${reference}: would get version ${version} for ${target}; nothing was sent\n`;
  const wanted = stringify({ agent: { version, release: reference } });
  return `${reference}: version ${version} for ${target}, ${formatBytes(size)}\nIn the document of a device:\n\n${wanted}`;
}
