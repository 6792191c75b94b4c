import type { Digest } from "../../domain/workload.ts";

/** What a reference stands for at one moment. */
export interface Resolution {
  /** Identity of the artifact at its source: of an image's manifest or index, else of the content. */
  readonly digest: Digest;
  /** Of the manifest that was used, when `digest` is that of an index. */
  readonly manifest?: Digest | undefined;
  /** Of the component's bytes. */
  readonly content: Digest;
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Opened {
  /** Where the chunks begin: at the offset that was asked for, or at 0. */
  readonly start: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Where one artifact comes from. Disposing it closes its connections. */
export interface ArtifactSource extends AsyncDisposable {
  /**
   * Asks what the reference stands for now. A source that can tell more cheaply that it is still `known` does so.
   * @throws PetioleError ERR_ARTIFACT_NOT_FOUND, ERR_ARTIFACT_UNAUTHORIZED, ERR_ARTIFACT_UNREACHABLE,
   *   ERR_ARTIFACT_DIGEST, ERR_ARTIFACT_FORMAT
   */
  resolve(known: Resolution | undefined, signal: AbortSignal): Promise<Resolution>;
  /** The component's bytes, from an offset on where the source can. Iterating throws as `resolve`. */
  open(resolution: Resolution, offset: number, signal: AbortSignal): Promise<Opened>;
  /** Of what comes in large pieces, how many times longer than usual nothing may come. */
  readonly patience?: number;
}
