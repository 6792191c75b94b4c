// What a provider is given in a test: deps, services that refuse to be used, and links with a function as component.

import { PetioleError } from "../../src/domain/errors.ts";
import { systemClock, type Clock } from "../../src/lib/clock.ts";
import { loggerOf, silentLogger, type LogFields, type Logger } from "../../src/lib/log.ts";
import { createMetricsRegistry, type MetricsRegistry } from "../../src/lib/metrics.ts";
import type {
  Binding,
  HttpCaller,
  LinkContext,
  Provider,
  ProviderDeps,
  ProviderFactory,
} from "../../src/provider/contract.ts";
import type { InterfaceShape } from "../../src/lib/wit/type.ts";
import type { HostServices } from "../../src/provider/services.ts";

type Component = (functionName: string, args: readonly unknown[], interfaceName: string) => unknown;

export interface LinkOptions {
  readonly component?: string;
  readonly config?: unknown;
  readonly interfaces?: readonly string[];
  /** What the component has of the interfaces. */
  readonly shapes?: readonly InterfaceShape[];
  /** Called for what the provider calls; with it the link is of direction `exports`. */
  readonly handler?: Component;
  /** Serves HTTP requests; with it the link is of direction `exports`, too. */
  readonly http?: HttpCaller;
  readonly log?: Logger;
}

export interface RigOptions {
  readonly id?: string;
  readonly clock?: Clock;
  readonly log?: Logger;
  readonly services?: Partial<HostServices>;
  /** What the provider measures is in here. */
  readonly metrics?: MetricsRegistry;
}

/** A started provider. Disposing it disposes the provider. */
export interface Rig extends AsyncDisposable {
  readonly provider: Provider;
  bind(options: LinkOptions): Promise<BoundLink>;
}

export interface BoundLink extends AsyncDisposable {
  readonly binding: Binding;
  /** Calls what the link serves, the way the host's router does. */
  call(interfaceName: string, functionName: string, ...args: readonly unknown[]): Promise<unknown>;
}

/** A service that is not lent to the provider under test. */
function refusing(name: string): never {
  // The proxy answers to any property, so it can stand for any interface.
  return new Proxy({} as never, {
    get: (_target, property) => {
      throw new Error(`The test lends no ${name}, but "${String(property)}" was used`);
    },
  });
}

export function providerDeps(options: RigOptions = {}): ProviderDeps {
  const id = options.id ?? "under-test";
  return {
    id,
    metrics: (options.metrics ?? createMetricsRegistry()).scope("petiole_", { provider: id }),
    clock: options.clock ?? systemClock,
    log: options.log ?? silentLogger,
    services: {
      outbox: options.services?.outbox ?? refusing("outbox"),
      keyValue: options.services?.keyValue ?? refusing("key-value store"),
      bus: options.services?.bus ?? refusing("message bus"),
      hubBus: options.services?.hubBus ?? refusing("message bus of the hub"),
      inbox: options.services?.inbox ?? refusing("inbox"),
      openInbox: options.services?.openInbox ?? refusing("inbox of a provider"),
      nats: options.services?.nats ?? refusing("NATS connection"),
      isClockTrusted: options.services?.isClockTrusted ?? (() => true),
    },
  };
}

/** Makes and starts a provider as the host does, its configuration parsed from `config`. */
export async function startProvider(factory: ProviderFactory, config: unknown, options: RigOptions = {}): Promise<Rig> {
  const provider = factory(providerDeps(options));
  try {
    await provider.start(provider.parseConfig(config), new AbortController().signal);
  } catch (error) {
    await provider[Symbol.asyncDispose]();
    throw error;
  }
  return {
    provider,
    bind: async (link) => await bindLink(provider, link),
    [Symbol.asyncDispose]: async () => await provider[Symbol.asyncDispose](),
  };
}

/** Links a component, for which `handler` stands, to a provider. */
export async function bindLink(provider: Provider, options: LinkOptions): Promise<BoundLink> {
  const { handler, http } = options;
  const imports = handler === undefined && http === undefined;
  const all = imports ? provider.serves : provider.calls;
  const context: LinkContext<unknown> = {
    component: options.component ?? "component",
    linkName: "default",
    direction: imports ? "imports" : "exports",
    interfaces: options.interfaces ?? (all === "anything" ? [] : all),
    elsewhere: false,
    shapes: () => options.shapes ?? [],
    config: provider.parseLinkConfig(options.config),
    log: options.log ?? silentLogger,
    call: async (interfaceName, functionName, args) => {
      if (handler === undefined) throw new PetioleError("ERR_LINK_INVALID", "The link is for imports");
      // The host sends arguments to a worker: what does not survive that is a fault.
      return await handler(functionName, structuredClone(args), interfaceName);
    },
    http: async (request) => {
      if (http === undefined) throw new PetioleError("ERR_LINK_INVALID", "The link is for no HTTP");
      return await http(request);
    },
  };
  const binding = await provider.bind(context);
  return {
    binding,
    async call(interfaceName, functionName, ...args) {
      const { functions } = binding;
      if (typeof functions === "function") return await functions(interfaceName, functionName, structuredClone(args));
      const target = functions[interfaceName]?.[functionName];
      if (target === undefined) throw new Error(`The link serves no ${interfaceName}#${functionName}`);
      // Arguments come from a component, typed by WIT only.
      return structuredClone(await target(...(structuredClone(args) as never[])));
    },
    [Symbol.asyncDispose]: async () => await binding[Symbol.asyncDispose](),
  };
}

export interface RecordedLog {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** Keeps what is logged. */
export function recordingLogger(records: RecordedLog[] = []): Logger & { readonly records: readonly RecordedLog[] } {
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}): void => {
      records.push({ level, message, fields });
    };
  return {
    records,
    ...loggerOf(at, () => recordingLogger(records)),
  };
}
