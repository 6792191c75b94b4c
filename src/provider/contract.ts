import type { Clock } from "../lib/clock.ts";
import type { HttpRequest, HttpResponse } from "../lib/http-message.ts";
import type { Logger } from "../lib/log.ts";
import type { InboxStats } from "../domain/inbox.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { ProviderReport } from "../domain/status.ts";
import type { InterfaceShape } from "../lib/wit/type.ts";
import type { ComponentId } from "../domain/workload.ts";
import type { HostServices } from "./services.ts";

/**
 * Functions of the interfaces that a binding serves, by unversioned interface name and WIT function name:
 * `functions["wasi:keyvalue/store"]["[method]bucket.get"]`.
 *
 * Arguments and results are in the JavaScript mapping of the component model as jco defines it: records are objects
 * with camelCase keys, `list<u8>` is a Uint8Array, `u64` a bigint, an enum its kebab-case string, a variant
 * `{ tag, val }`, `option` the value or undefined, flags an object of booleans. A `result`'s ok value is returned and
 * its err value thrown as `WitError`. Everything passes a structured clone.
 *
 * A resource crosses as its *representation*, a plain value the provider chooses (for a bucket: its identifier): a
 * function that returns a resource returns the representation, a method receives it as first argument. It says all that
 * there is to know of the resource: nobody tells when the component drops it, and after a swap of the link another
 * provider of the same contract gets what this one gave out. So providers of one contract use the same representations.
 *
 * A function may return a promise of its result.
 *
 * Streams of wasi:io pass from the provider to the component: an `input-stream` that a function returns is a `ByteReader`, an
 * `output-stream` a `ByteWriter`. A call begins when what the component wrote before it has been taken.
 *
 * Of a resource with a function that returns a stream, the provider hears when nobody holds it any more, be it that the
 * component dropped it or that the instance is gone: by the function `[resource-drop]NAME`, if it has one. That is for
 * representations that are numbers or texts of which there are no two alike. Nothing is heard of what a function took as
 * `own`.
 *
 * Requests of `wasi:http/outgoing-handler` are carried out by the runtime. Its function `handle` gets an `EgressRequest`,
 * and returns an `EgressPermit` or throws a `WitError` of the interface's `error-code`.
 */
export type CapabilityFunction = (...args: never[]) => unknown;
export type CapabilityFunctions = Readonly<Record<string, Readonly<Record<string, CapabilityFunction>>>>;

/**
 * Serves any function of the linked interfaces, for a provider that does not know them beforehand: unversioned interface
 * name, WIT function name, arguments. Arguments and results as above.
 */
export type CapabilityCall = (interfaceName: string, functionName: string, args: readonly unknown[]) => unknown;

/**
 * Calls a function that the linked component exports. Resolves when the component returned; rejects with `WitError`
 * when it returned `err`, and with `PetioleError` (trap, deadline, busy, stopped) when the call itself failed.
 */
export type ExportCaller = (interfaceName: string, functionName: string, args: readonly unknown[]) => Promise<unknown>;

/**
 * Has a request served by the linked component's `wasi:http/incoming-handler`. Resolves when it has answered; its body may
 * still be on its way, and iterating that throws what this could have thrown.
 * @throws PetioleError ERR_COMPONENT_RESPONSE when it answers with an error, not at all or not to the end; and as a call
 * @throws the reason that the request was cancelled with
 */
export type HttpCaller = (request: HttpRequest) => Promise<HttpResponse>;

/** One link, seen from the provider. */
export interface LinkContext<LinkConfig> {
  readonly component: ComponentId;
  readonly linkName: string;
  /** `imports`: the component calls the provider. `exports`: the provider calls the component. */
  readonly direction: "imports" | "exports";
  /** Unversioned names of the linked interfaces. */
  readonly interfaces: readonly string[];
  readonly config: LinkConfig;
  /**
   * The component runs on another host of the lattice. A provider that has `bindsElsewhere` reaches it by itself. For others
   * the calls go to and fro as those of a component here, as far as petiole knows the interfaces without it.
   */
  readonly elsewhere: boolean;
  /**
   * The linked interfaces as the component has them now, with versions and the types of their functions: of its imports or
   * of its exports, as the direction says. Ask when a call is made: a link is bound before the component has started.
   * Empty while the component has not started, and for one that is elsewhere.
   */
  readonly shapes: () => readonly InterfaceShape[];
  /** Calls the component. Rejects at once on a link of direction `imports`, and with `bindsElsewhere` for one elsewhere. */
  readonly call: ExportCaller;
  /** The same for HTTP. */
  readonly http: HttpCaller;
  readonly log: Logger;
}

/** What a link holds open in the provider. Disposing it ends subscriptions and waits for calls in flight. */
export interface Binding extends AsyncDisposable {
  readonly functions: CapabilityFunctions | CapabilityCall;
}

/** What a provider serves or calls: interfaces without version, or `anything` when that is for its links to say. */
export type Interfaces = readonly string[] | "anything";

/**
 * Serves capabilities to components. Made by a factory without side effects; `start` opens devices and connections;
 * disposal works at any time, also after a failed `start`.
 */
export interface Provider<Config = unknown, LinkConfig = unknown> extends AsyncDisposable {
  readonly id: string;
  /** What components may import from it. */
  readonly serves: Interfaces;
  /** What it calls on components. */
  readonly calls: Interfaces;
  /** It calls components of other hosts, and is called by them, without petiole between; its links there are bound too. */
  readonly bindsElsewhere?: boolean;
  /**
   * Each link holds something that only one can hold, such as an address or a line. Else a link that takes the place of
   * another is bound before that goes, so that no call is without one.
   */
  readonly exclusive?: boolean;
  /** @throws PetioleError ERR_PROVIDER_CONFIG with every fault. */
  parseConfig(raw: unknown): Config;
  /** @throws PetioleError ERR_PROVIDER_CONFIG with every fault. */
  parseLinkConfig(raw: unknown): LinkConfig;
  /** @throws PetioleError ERR_PROVIDER_START, ERR_DEVICE_…; rejects with the signal's reason when aborted. */
  start(config: Config, signal: AbortSignal): Promise<void>;
  bind(link: LinkContext<LinkConfig>): Promise<Binding>;
  /** For one that is a process of its own: how that is now. */
  report?(): ProviderReport | undefined;
  /** For one that stores messages before it hands them to components: how many, and what became of them. */
  inboxStats?(): InboxStats | undefined;
}

export interface ProviderDeps {
  readonly id: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly services: HostServices;
  /** For what the provider counts besides the calls over its links, which are counted for it. Forgotten when it stops. */
  readonly metrics: Metrics;
}

export type ProviderFactory = (deps: ProviderDeps) => Provider;
