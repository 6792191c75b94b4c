import { createHash } from "node:crypto";
import { formatReference, type OciReference } from "../../../domain/artifact-reference.ts";
import { PetioleError } from "../../../domain/errors.ts";
import type { Digest } from "../../../domain/workload.ts";
import { readAnswer, unreachable, type HttpAnswer } from "../http.ts";
import type { ArtifactSource, Opened } from "../source.ts";
import { parseManifest, type WantedContent } from "./manifest.ts";
import { ACCEPTED } from "./media-types.ts";
import { openRegistry, type RegistryClient, type RegistryOptions } from "./registry-client.ts";

/** The limit that registries set themselves. */
const MAX_MANIFEST = 4 * 1024 ** 2;
const DIGEST_HEADER = "docker-content-digest";

/** An image in a registry: https://github.com/opencontainers/distribution-spec */
export function createOciSource(
  reference: OciReference,
  options: RegistryOptions,
  wanted: WantedContent = { kind: "component" },
): ArtifactSource {
  const name = formatReference(reference);
  let opening: Promise<RegistryClient> | undefined;
  const open = (): Promise<RegistryClient> => (opening ??= openRegistry(reference, "pull", options));

  async function readManifest(
    which: string,
    signal: AbortSignal,
  ): Promise<{ readonly digest: Digest; readonly bytes: Buffer; readonly contentType: string | undefined }> {
    const registry = await open();
    const question = {
      method: "GET",
      path: `manifests/${which}`,
      headers: { accept: ACCEPTED },
      accept: [200],
    } as const;
    const answer = await registry.ask(question, signal);
    const bytes = await readAnswer(answer, MAX_MANIFEST, signal);
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    const header = answer.headers[DIGEST_HEADER];
    const told = typeof header === "string" && header.startsWith("sha256:") ? header : digest;
    const wanted = which.startsWith("sha256:") ? which : told;
    if (digest !== wanted) {
      throw new PetioleError(
        "ERR_ARTIFACT_DIGEST",
        `Cannot use the manifest of "${name}": found ${digest}, want ${wanted}`,
      );
    }
    return { digest, bytes, contentType: answer.headers["content-type"] };
  }

  /** True when the registry says, without giving the manifest, that the tag is where it was. */
  async function isStill(known: Digest, tag: string, signal: AbortSignal): Promise<boolean> {
    const registry = await open();
    const question = { method: "HEAD", path: `manifests/${tag}`, headers: { accept: ACCEPTED } } as const;
    const answer = await registry.ask({ ...question, accept: [200, 405] }, signal);
    answer.body.resume();
    return answer.status === 200 && answer.headers[DIGEST_HEADER] === known;
  }

  return {
    async resolve(known, signal) {
      const { tag, digest } = reference;
      const which = digest ?? tag ?? "latest";
      if (known !== undefined) {
        // A digest stands for the same for ever.
        if (known.digest === digest) return known;
        if (digest === undefined && (await isStill(known.digest, which, signal))) return known;
      }
      const top = await readManifest(which, signal);
      let manifest = parseManifest(top.bytes, top.contentType, name, wanted);
      let chosen: Digest | undefined;
      if (manifest.kind === "index") {
        chosen = manifest.manifest;
        const inner = await readManifest(chosen, signal);
        manifest = parseManifest(inner.bytes, inner.contentType, name, wanted);
      }
      if (manifest.kind === "index") {
        throw new PetioleError("ERR_ARTIFACT_FORMAT", `Cannot use the image "${name}": its index leads to an index`);
      }
      const { layer, annotations } = manifest;
      return { digest: top.digest, manifest: chosen, content: layer.digest, size: layer.size, annotations };
    },

    async open({ content, size }, offset, signal) {
      const registry = await open();
      const range = offset > 0 ? { range: `bytes=${offset}-` } : {};
      const question = {
        method: "GET",
        path: `blobs/${content}`,
        // Compressed on the way, ranges would be of something else.
        headers: { "accept-encoding": "identity", ...range },
        accept: [200, 206, 416],
      } as const;
      const answer = await registry.ask(question, signal);
      if (answer.status !== 416) return { start: startOf(answer, offset), chunks: chunksOf(answer, signal) };
      answer.body.resume();
      if (offset > 0) return await this.open({ content, size, digest: content, annotations: {} }, 0, signal);
      throw unreachable(answer.url, new Error("it refuses to send anything"));
    },

    async [Symbol.asyncDispose]() {
      (await opening?.catch(() => undefined))?.[Symbol.dispose]();
    },
  };
}

/** Not every server honours a range. */
function startOf({ status, headers, url }: HttpAnswer, offset: number): number {
  if (status === 200) return 0;
  const start = /^bytes (\d+)-/.exec(headers["content-range"] ?? "")?.[1];
  if (start !== undefined && Number(start) === offset) return offset;
  throw unreachable(url, new Error(`it sends the range "${headers["content-range"] ?? ""}", not from ${offset} on`));
}

async function* chunksOf({ body, url }: HttpAnswer, signal: AbortSignal): Opened["chunks"] {
  try {
    for await (const chunk of body) yield chunk as Buffer; // A stream without an encoding gives buffers.
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw unreachable(url, cause);
  }
}
