// Desired state: what should run, and how it is linked. Front ends (file, lattice) translate into this model;
// the reconciler compares it with what runs.

import type { SecretReference } from "./secret.ts";
import type { Bytes, Millis } from "./units.ts";

export type ComponentId = string;
export type ProviderId = string;
/** A component or a provider; they share one space of names. */
export type LinkEnd = string;
/** `sha256:<64 hex digits>` of a component's bytes. */
export type Digest = string;

export interface ComponentLimits {
  /** Wall-clock time one call may take, capability calls included. */
  readonly deadline: Millis;
  /** Upper bound of each linear memory of an instance. */
  readonly memory: Bytes;
  /** Upper bound of each table of an instance, in entries. */
  readonly table: number;
  /** Calls that may wait for the component before further ones are refused. */
  readonly queue: number;
  /** Instances there may be at a time; each serves one call. With more than one, calls overtake each other. */
  readonly instances: number;
  /** Share of one core's time that the component may take over some seconds, above 0 and at most 1. */
  readonly cpu: number;
  /** Lines and log entries a second, on average. */
  readonly logRate: number;
}

/** When an instance that works is replaced by a new one between two calls: a cure for guests that leak. */
export interface Recycling {
  readonly calls?: number | undefined;
  readonly age?: Millis | undefined;
  /** Linear memory, all memories of the instance together. */
  readonly memory?: Bytes | undefined;
}

/** `dedicated` gives a component a worker of its own: no other one suffers when it has to be ended. */
export type Isolation = "shared" | "dedicated";

/** A folder of the device that a component sees. */
export interface FolderGrant {
  /** Absolute path on the device. */
  readonly host: string;
  /** Path that the component knows it by. */
  readonly guest: string;
  readonly write: boolean;
  /** The folders of the device that `host` has to be below, also where links on the way to it lead; anywhere unless given. */
  readonly within?: readonly string[] | undefined;
}

/** What a component may reach beyond its links. Nothing unless granted. */
export interface Grants {
  readonly folders: readonly FolderGrant[];
  /** `host:port`, `*.domain:port`, `host:*`: where it may connect to, over HTTP and over sockets. */
  readonly network: readonly string[];
}

/** How a version is asked whether it works, besides that it starts. */
export interface UpdateProbe {
  /** An exported function without parameters that must return, and not with an `err`; or a path that HTTP serves. */
  readonly ask:
    | { readonly kind: "call"; readonly interface: string; readonly function: string }
    | { readonly kind: "http"; readonly path: string };
  readonly timeout: Millis;
  /** It must answer so many times in a row. */
  readonly count: number;
}

/** How a component that runs gets other bytes. */
export interface UpdatePolicy {
  /** How long a new version is on trial, with the one before ready to take its place again; 0 for no trial. */
  readonly trial: Millis;
  /** Calls that may fail in it. */
  readonly maxFailures: number;
  /** Linear memory that an instance may have more than one of the version before. */
  readonly maxGrowth: Bytes;
  /** Times that the agent may end without notice in it. */
  readonly maxCrashes: number;
  /** Whether both versions may be in memory at a time. */
  readonly beside: boolean;
  readonly probe?: UpdateProbe | undefined;
}

export interface ComponentSpec {
  readonly id: ComponentId;
  /** Absolute path of the .wasm file. */
  readonly file: string;
  /** What the file must be; another one is not started. */
  readonly digest?: Digest | undefined;
  /** The name that its signatures have to be for; its id unless given. */
  readonly signedName?: string | undefined;
  /** Served through `wasi:config/store`. */
  readonly config: Readonly<Record<string, string>>;
  /** Served through `wasmcloud:secrets/store`, by the names that the component knows. */
  readonly secrets?: Readonly<Record<string, SecretReference>> | undefined;
  /** Served through `wasi:cli/environment`. */
  readonly env: Readonly<Record<string, string>>;
  readonly limits: ComponentLimits;
  readonly recycling: Recycling;
  readonly isolation: Isolation;
  readonly grants: Grants;
  /**
   * `needed` unless given: without a link for each of its imports it is not started. `late`: it is started, and a call of
   * an import that has no link ends the call of the component.
   */
  readonly links?: "needed" | "late" | undefined;
  readonly update?: UpdatePolicy | undefined;
}

export interface ProviderSpec {
  readonly id: ProviderId;
  /** Names a factory in the provider registry, such as `mqtt` or `keyvalue-sqlite`. */
  readonly type: string;
  /** Checked by the provider's own schema, once secrets stand in place of references. */
  readonly config: unknown;
  /** Set by the host alone: another text when a secret of the configuration has another value. */
  readonly secrets?: string | undefined;
}

/**
 * `source → target` for named WIT interfaces. When the source is a component, it imports the interfaces and the
 * target provider serves them. When the source is a provider, it calls the interfaces, which the target exports.
 */
export interface LinkSpec {
  /** `default` unless given; several links of one interface differ by it. */
  readonly name: string;
  readonly source: LinkEnd;
  readonly target: LinkEnd;
  /** Without version, such as `wasi:keyvalue/store`. */
  readonly interfaces: readonly string[];
  /** As that of a provider. */
  readonly config: unknown;
  readonly secrets?: string | undefined;
}

export interface DesiredState {
  readonly components: readonly ComponentSpec[];
  readonly providers: readonly ProviderSpec[];
  readonly links: readonly LinkSpec[];
}

/** When the source of an image is asked: only when it is not on the device, or whenever it can be. */
export type PullPolicy = "missing" | "always";

/** A component, or a provider, that has to be brought to the device first. */
export interface ImageSource {
  /** As `formatReference` spells it. */
  readonly reference: string;
  readonly pull: PullPolicy;
}

/** A component as somebody wants it: a file of the device, or an image that becomes one. */
export type WantedComponent = Omit<ComponentSpec, "file"> &
  ({ readonly file: string; readonly image?: undefined } | { readonly file?: undefined; readonly image: ImageSource });

/**
 * A provider as somebody wants it. One that is an executable may be an image, which becomes the `file` and the `digest` of its
 * configuration.
 */
export interface WantedProvider extends ProviderSpec {
  readonly image?: ImageSource | undefined;
}

/** What is wanted, before images are there. */
export interface WantedState extends Omit<DesiredState, "components" | "providers"> {
  readonly components: readonly WantedComponent[];
  readonly providers: readonly WantedProvider[];
}
