import { resolve } from "node:path";
import { download } from "../../adapters/artifacts/download.ts";
import { openArtifactSource } from "../../adapters/artifacts/open-source.ts";
import type { Config } from "../../config/schema.ts";
import { agentOnlyObjects, openArtifacts, registriesOf } from "../../daemon/artifacts.ts";
import { formatReference, type ArtifactReference } from "../../domain/artifact-reference.ts";
import { isPetioleError } from "../../domain/errors.ts";
import type { Digest } from "../../domain/workload.ts";
import { systemClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import { createProgress } from "../progress.ts";
import { formatBytes } from "../table.ts";
import { interruption, referenceArgument, registryConfig, type RegistryCliOptions } from "./settings.ts";

export interface PullOptions extends RegistryCliOptions {
  readonly out?: string;
}

interface Pulled {
  readonly reference: string;
  readonly digest: Digest;
  /** Of the component's bytes. */
  readonly content: Digest;
  readonly size: number;
  readonly file: string;
  /** Why the registry was not asked, when what was there before was taken. */
  readonly offline: string | undefined;
}

/** Fetches an artifact into the agent's cache, or into a file. */
export async function pull(text: string, options: PullOptions): Promise<void> {
  const reference = referenceArgument(text);
  const config = await registryConfig(options, reference);
  using progress = createProgress(options.json === true);
  const show = (bytes: number, total: number): void =>
    progress.show(`Fetching ${formatReference(reference)}: ${formatBytes(bytes)} of ${formatBytes(total)}`);
  const signal = interruption();
  const pulled =
    options.out === undefined
      ? await pullIntoCache(config, reference, show, signal)
      : await pullIntoFile(config, reference, resolve(options.out), show, signal);
  progress[Symbol.dispose]();
  process.stdout.write(options.json === true ? `${JSON.stringify(pulled)}\n` : formatPulled(pulled));
}

type Show = (bytes: number, total: number) => void;

async function pullIntoCache(
  config: Config,
  reference: ArtifactReference,
  show: Show,
  signal: AbortSignal,
): Promise<Pulled> {
  const deps = { config, env: process.env, objects: agentOnlyObjects, clock: systemClock, log: silentLogger };
  const store = openArtifacts(deps);
  const request = { reference: formatReference(reference) };
  try {
    const artifact = await store.fetch(request, signal, ({ bytes, total }) => show(bytes, total));
    return { ...artifact, offline: undefined };
  } catch (error) {
    if (!isPetioleError(error, "ERR_ARTIFACT_UNREACHABLE") || signal.aborted) throw error;
    const known = await store.recall(request, signal);
    if (known === undefined) throw error;
    return { ...known, offline: error.message };
  }
}

async function pullIntoFile(
  config: Config,
  reference: ArtifactReference,
  file: string,
  show: Show,
  signal: AbortSignal,
): Promise<Pulled> {
  const { stall_timeout: stall, docker_config: dockerConfigFile } = config.artifacts;
  const settings = {
    registries: registriesOf(config),
    dockerConfigFile,
    stall,
    env: process.env,
    objects: agentOnlyObjects,
  };
  await using source = openArtifactSource(reference, settings);
  const resolution = await source.resolve(undefined, signal);
  const { digest, content, size } = resolution;
  const name = formatReference(reference);
  await download(
    {
      name,
      digest: content,
      size,
      part: `${file}.part`,
      file,
      open: (offset, signal) => source.open(resolution, offset, signal),
      stall,
      onProgress: (bytes) => show(bytes, size),
      clock: systemClock,
    },
    signal,
  );
  return { reference: name, digest, content, size, file, offline: undefined };
}

function formatPulled({ reference, digest, content, size, file, offline }: Pulled): string {
  const lines = [
    `${reference}: ${digest}`,
    `  ${formatBytes(size)}, component ${content}`,
    `  ${file}`,
    ...(offline === undefined ? [] : [`  as it was resolved before, because: ${offline}`]),
  ];
  return `${lines.join("\n")}\n`;
}
