// What the host needs from adapters, beyond what it lends to providers (src/provider/services.ts).

import type { HubLinkState } from "../domain/hub-link.ts";
import type { InboundMessage, StreamPosition } from "../domain/inbox.ts";
import type { Delivered, Lane, OutboxMessage, OutboxRow } from "../domain/outbox.ts";
import type { ForwarderState } from "../domain/outbox-report.ts";
import type { SecretReference, SecretValue } from "../domain/secret.ts";
import type { ComponentTrust, ExecutableClaims } from "../domain/trust.ts";
import type { Bytes, Millis } from "../domain/units.ts";
import type { ComponentId, ComponentSpec, Digest, LinkEnd, ProviderId } from "../domain/workload.ts";
import type { FunctionType, InterfaceShape } from "../lib/wit/type.ts";
import type { ExportCaller, HttpCaller } from "../provider/contract.ts";

/** The reading end of the outbox, for the forwarder. */
export interface OutboxSource {
  /**
   * Random identity of this store, made with it. A new store on the same device counts its sequences from the start
   * again; the identity tells them from the old ones.
   */
  readonly storeId: string;
  /** Identity of this boot, as rows carry it. */
  readonly bootId: string;
  /**
   * Rows of `lane` with a sequence above `after`, oldest first, at most `rows` and about `bytes`. Rows below what was
   * acknowledged may be among them while they are held. With `peek` they are only looked at: they do not count as being
   * on their way to the hub.
   */
  read(
    lane: Lane,
    after: number,
    limit: { readonly rows: number; readonly bytes: Bytes; readonly peek?: boolean },
  ): Promise<readonly OutboxRow[]>;
  /**
   * The hub holds every row of `lane` up to and including `seq`, which has the sequence `hubSeq` in its stream; they may
   * be deleted once they have been held for a while. Durable with some later commit.
   */
  acknowledge(lane: Lane, seq: number, hubSeq?: number): Promise<void>;
  /**
   * The hub lost what it had acknowledged of `lane` above `to`. Rows that are still held wait again when it resolves;
   * what is not is in the ledger.
   */
  rewind(lane: Lane, to: Delivered): Promise<void>;
  /** The hub will never take this row: it is deleted and written down in the ledger. */
  refuse(lane: Lane, seq: number): Promise<void>;
  acknowledged(lane: Lane): Promise<Delivered>;
  /** Has the hub told of losses that it was not told of yet, with a message of the critical lane. */
  reportLosses(): void;
  /** Calls `listener` whenever rows of a lane became readable. */
  onReadable(listener: (lane: Lane) => void): Disposable;
}

/** Moves messages between stores without the hub, such as in a file on a USB stick. */
export interface OutboxTransfer {
  /**
   * Ends the rows of each lane up to and including its sequence, as handed over in the export `id`: durable when it
   * resolves, and written into the ledger as `exported`. In the same commit the state store gets the name `export:<id>`,
   * which tells after a crash whether it happened.
   */
  handOver(id: string, upTo: Readonly<Partial<Record<Lane, number>>>): Promise<{ readonly rows: number }>;
  /** How many messages of the import `id` are in the store; undefined when none ever was. */
  importProgress(id: string): Promise<number | undefined>;
  /**
   * Accepts messages and notes the progress of their import, both in one commit: `progress` is how many there are with
   * these. Durable when it resolves.
   */
  takeIn(id: string, progress: number, messages: readonly OutboxMessage[]): Promise<void>;
}

/** The writing end of the inbox, for what fetches the device's messages from the hub. */
export interface InboundSink {
  /** Somebody waits for messages. */
  wanted(): boolean;
  /** What may still be stored. Messages for which there is no room stay at the hub. */
  room(): { readonly messages: number; readonly bytes: Bytes };
  /** Where the message that was stored last stood in the hub's stream. */
  last(): StreamPosition | undefined;
  /**
   * Resolves once the message is on disk, and may be acknowledged; `known` when it was stored before. One call at a time.
   * @throws PetioleError ERR_STORE_FAILED
   */
  accept(message: InboundMessage): Promise<"stored" | "known">;
  /** Calls `listener` when `wanted` or `room` may have changed. */
  onChange(listener: () => void): Disposable;
}

/** Small texts that the agent itself must not forget, by name. */
export interface StateStore {
  load(name: string): Promise<string | undefined>;
  /** Resolves once it is on disk; undefined forgets the name. @throws PetioleError ERR_STORE_FAILED */
  save(name: string, value: string | undefined): Promise<void>;
}

/** Copies of what works, apart from the files that it came from: those may be overwritten at any time. */
export interface KeptVersions {
  /**
   * Keeps the file's bytes, which are to be `digest`, and what vouches for them beside it. Durable when it resolves.
   * @throws PetioleError ERR_ARTIFACT_DISK when there is no room; ERR_COMPONENT_DIGEST when the file has other bytes now
   */
  keep(file: string, digest: Digest): Promise<void>;
  /** Path of a copy; undefined when there is none. */
  find(digest: Digest): Promise<string | undefined>;
  /** Removes all others. */
  retain(digests: ReadonlySet<Digest>): Promise<void>;
}

/** Who wants which secret: a backend may not give it to everybody. */
export interface SecretRequest {
  readonly reference: SecretReference;
  readonly asker: LinkEnd;
}

/** A place where secrets are. */
export interface SecretBackend {
  /** How often a secret that is in use is looked at again. */
  readonly refresh: Millis;
  /** A value may be read while it is being written: it counts when it is seen a second time. */
  readonly settles: boolean;
  /**
   * @throws PetioleError ERR_SECRET_NOT_FOUND, ERR_SECRET_DENIED, ERR_SECRET_INVALID, ERR_SECRET_UNAVAILABLE; none of them
   *   says anything of a value
   */
  read(request: SecretRequest, signal: AbortSignal): Promise<SecretValue>;
}

/** Decides which components may run. */
export interface TrustCheck {
  /**
   * Asked about a component's bytes before anything is done with them. `digest` is theirs.
   * @throws PetioleError ERR_TRUST_… when it may not run
   */
  check(
    component: ComponentSpec,
    read: { readonly bytes: Uint8Array; readonly digest: Digest },
  ): Promise<TrustDecision>;
}

/** The same for a provider that is an executable, or an archive with one. */
export interface ExecutableTrustCheck {
  /** @throws PetioleError ERR_TRUST_… when it may not run */
  checkExecutable(executable: ExecutableFacts): Promise<TrustDecision>;
}

export interface ExecutableFacts {
  readonly id: ProviderId;
  /** Its signatures lie beside it. */
  readonly file: string;
  readonly signedName?: string | undefined;
  /** Of the whole file. */
  readonly digest: Digest;
  readonly size: number;
  readonly claims: ExecutableClaims | undefined;
}

/** The component, or the provider, may run. */
export interface TrustDecision {
  readonly shown: ComponentTrust;
  /** It runs: from now on an older version is one. Resolves once that is on disk, or cannot be. */
  confirm(): Promise<void>;
}

/** What is done to the forwarder from outside. */
export interface ForwarderControl {
  /**
   * Sends nothing new from the call on; resolves when what is in flight is settled, or lost with its connection. May be
   * called again while it is paused.
   */
  pause(): Promise<void>;
  resume(): void;
  /** Lifts the limit of the rate for whatever waits now. */
  lift(): void;
  state(): ForwarderState;
}

/** Watches the link to the hub. */
export interface HubMonitor {
  state(): HubLinkState;
  /** Another number for each path there was: what was on its way over an earlier one does not arrive any more. */
  path(): number;
  onChange(listener: (state: HubLinkState) => void): Disposable;
}

/** A component, or an archive or executable of a provider, on the device: whole, verified and trusted. */
export interface Artifact {
  /** As `formatReference` spells it. */
  readonly reference: string;
  /** Identity at its source: of an image's manifest or index, else of the content. */
  readonly digest: Digest;
  /** Of the component's bytes. */
  readonly content: Digest;
  readonly file: string;
  readonly size: number;
}

export type ArtifactKind = "component" | "executable";

export interface ArtifactRequest {
  readonly reference: string;
  /** A component unless given. */
  readonly kind?: ArtifactKind | undefined;
  /** What the component's bytes have to be. */
  readonly want?: Digest | undefined;
  /** Whose it is: what a component, or a provider, has, and what it had before, is kept. */
  readonly component?: LinkEnd | undefined;
}

/** How far a download is. */
export interface FetchProgress {
  readonly bytes: number;
  readonly total: number;
}

/** Brings components to the device, and keeps them there. */
export interface Artifacts {
  /**
   * What the device has for a reference, without asking anybody; undefined when it has nothing that fits.
   * @throws PetioleError what the trust checks throw
   */
  recall(request: ArtifactRequest, signal: AbortSignal): Promise<Artifact | undefined>;
  /**
   * Asks the source what the reference stands for now, and fetches what is not on the device.
   * @throws PetioleError ERR_ARTIFACT_NOT_FOUND, ERR_ARTIFACT_UNAUTHORIZED, ERR_ARTIFACT_UNREACHABLE,
   *   ERR_ARTIFACT_DIGEST, ERR_ARTIFACT_FORMAT, ERR_ARTIFACT_TOO_LARGE, ERR_ARTIFACT_DISK, ERR_COMPONENT_DIGEST when it is
   *   not what is wanted; what the trust checks throw; the signal's reason
   */
  fetch(
    request: ArtifactRequest,
    signal: AbortSignal,
    onProgress?: (progress: FetchProgress) => void,
  ): Promise<Artifact>;
  /** Components and providers other than these need nothing kept any more. */
  retain(components: readonly LinkEnd[]): Promise<void>;
}

/** What a trust check is told of an artifact. */
export interface ArtifactFacts extends Artifact {
  /** Of the manifest that was used, when `digest` is that of an index. */
  readonly manifest: Digest | undefined;
  /** Of the manifest. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly component: ComponentId | undefined;
}

/**
 * Decides whether an artifact may be used. Every one passes here each time before it is used, also one that was used
 * before; without a network too, so an implementation must not need one. Refuses by throwing a PetioleError.
 */
export type VerifyArtifact = (artifact: ArtifactFacts, signal: AbortSignal) => Promise<void>;

/** An object in an object store of the hub. */
export interface StoredObject {
  readonly digest: Digest;
  readonly size: number;
  /** Names these bytes: an object that is put again gets another. */
  readonly id: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Reads the hub's object stores. */
export interface ObjectReader {
  /** @throws PetioleError ERR_ARTIFACT_NOT_FOUND, ERR_ARTIFACT_UNREACHABLE, ERR_ARTIFACT_FORMAT */
  find(bucket: string, name: string, signal: AbortSignal): Promise<StoredObject>;
  /** From `offset` on, or from a place before it: `start` says which. Iterating throws as `find`. */
  read(
    bucket: string,
    object: StoredObject,
    offset: number,
    signal: AbortSignal,
  ): Promise<{ readonly start: number; readonly chunks: AsyncIterable<Uint8Array> }>;
}

/** A function of a component or provider on another host, for one that is linked to it. */
export interface RemoteFunction {
  readonly source: ComponentId;
  readonly linkName: string;
  /** Id in the lattice. */
  readonly target: string;
  /** As the caller has it, version included. */
  readonly interfaceName: string;
  readonly functionName: string;
  readonly type: FunctionType;
}

/** The other hosts of the lattice, as far as calls go. */
export interface RemoteEnds {
  /** False while no host can be reached: a call would fail at once. */
  reachable(): boolean;
  /**
   * @throws WitError the function's `err`
   * @throws PetioleError ERR_LATTICE_UNREACHABLE at once without a connection, ERR_CALL_NO_RESPONDER when no host has
   *   the target, ERR_CALL_TIMEOUT, ERR_LINK_INVALID when a type cannot cross, and what else a call to another host may end
   *   with
   */
  call(remote: RemoteFunction, args: readonly unknown[], timeout: Millis): Promise<unknown>;
  /**
   * Takes calls of other hosts for a component from now on, as one of the hosts that have it. Disposing it takes no further
   * ones and waits for those in flight.
   */
  serve(component: ComponentId, exports: readonly InterfaceShape[], callee: ServedCallee): AsyncDisposable;
  /** Whether providers can be linked to other hosts for the interface: its types are known beside any component. */
  knows(interfaceName: string): boolean;
  /** Takes calls of one such interface for a provider. Disposing it as with `serve`. */
  serveProvider(
    provider: ProviderId,
    interfaceName: string,
    call: (
      caller: RemoteCaller,
      interfaceName: string,
      functionName: string,
      args: readonly unknown[],
    ) => Promise<unknown>,
  ): AsyncDisposable;
  /** Calls one such interface for a provider; rejects as `call`. */
  deliver(delivery: Delivery, args: readonly unknown[]): Promise<unknown>;
}

/** Who calls a provider. */
export interface RemoteCaller {
  /** Undefined when it does not say. */
  readonly source: string | undefined;
  readonly linkName: string;
}

/** A call that a provider makes of a component on another host. */
export interface Delivery {
  readonly provider: ProviderId;
  readonly linkName: string;
  readonly component: ComponentId;
  /** Unversioned. */
  readonly interfaceName: string;
  readonly functionName: string;
}

/** A component, as a caller on another host has it. */
export interface ServedCallee {
  readonly call: ExportCaller;
  /** For one that exports `wasi:http/incoming-handler`. */
  readonly http: HttpCaller;
}
