import { pushComponent, type Pushed } from "../../adapters/artifacts/oci/push.ts";
import { formatReference } from "../../domain/artifact-reference.ts";
import { PetioleError } from "../../domain/errors.ts";
import { readRegularFile } from "../../lib/files.ts";
import { reasonOf } from "../../lib/reason.ts";
import { inspectComponent } from "../../runtime/binary/component-binary.ts";
import { MAX_COMPONENT_SIZE } from "../../runtime/prepare/size-limits.ts";
import { createProgress } from "../progress.ts";
import { formatBytes } from "../table.ts";
import {
  interruption,
  referenceArgument,
  registryConfig,
  registryOptions,
  type RegistryCliOptions,
} from "./settings.ts";

export interface PushOptions extends RegistryCliOptions {
  readonly version?: string;
  readonly annotation: Readonly<Record<string, string>>;
}

/** Publishes a component in a registry, as `wash push` does. */
export async function push(file: string, text: string, options: PushOptions): Promise<void> {
  const reference = referenceArgument(text);
  const name = formatReference(reference);
  if (reference.kind !== "oci") {
    throw new PetioleError("ERR_ARTIFACT_REFERENCE", `Cannot push to "${name}": want registry/repository:tag`);
  }
  const config = await registryConfig(options, reference);
  const { bytes, stats } = await readRegularFile(file, { maxSize: MAX_COMPONENT_SIZE }).catch((cause: unknown) => {
    throw new PetioleError("ERR_COMPONENT_UNREADABLE", `Cannot read "${file}": ${reasonOf(cause)}`, { cause });
  });
  const { imports, exports } = inspectComponent(bytes, file);
  const { version, annotation } = options;
  using progress = createProgress(options.json === true);
  const registry = registryOptions(config, reference);
  const onProgress = (sent: number): void =>
    progress.show(`Pushing ${name}: ${formatBytes(sent)} of ${formatBytes(bytes.byteLength)}`);
  const pushed = await pushComponent(
    {
      bytes,
      // Of the file, so that the same component makes the same image again.
      created: stats.mtime,
      imports: imports.map((one) => one.name),
      exports: exports.map((one) => one.name),
      annotations: {
        ...(version === undefined ? {} : { "org.opencontainers.image.version": version }),
        ...annotation,
      },
    },
    { reference, registry, onProgress },
    interruption(),
  );
  progress[Symbol.dispose]();
  const answer = { reference: name, ...pushed };
  process.stdout.write(options.json === true ? `${JSON.stringify(answer)}\n` : formatPushed(answer));
}

function formatPushed({ reference, digest, content, size, uploaded }: Pushed & { readonly reference: string }): string {
  const there = uploaded ? "" : ", which the registry had already";
  return `${reference}: ${digest}\n  ${formatBytes(size)}, component ${content}${there}\n`;
}
