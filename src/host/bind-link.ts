import { PetioleError } from "../domain/errors.ts";
import { unversioned } from "../domain/wit-name.ts";
import type { Millis } from "../domain/units.ts";
import type { ComponentId, ComponentSpec, DesiredState, LinkSpec, ProviderId } from "../domain/workload.ts";
import type { Logger } from "../lib/log.ts";
import { findReferences } from "../lib/secret-references.ts";
import type { InterfaceShape } from "../lib/wit/type.ts";
import type { Binding, LinkContext, Provider } from "../provider/contract.ts";
import type { PreparedComponent, RunningComponent } from "../runtime/contract.ts";
import type { Callees } from "./callees.ts";
import { checkExports, checkFit, checkProvider } from "./link-check.ts";
import { measured, type LinkMeters } from "./link-meters.ts";
import { callLoosely } from "./loose-link.ts";
import type { RemoteEnds } from "./ports.ts";
import { createProviderServing } from "./provider-serving.ts";
import type { Route, Router } from "./router.ts";

export interface LinkBinderDeps {
  readonly desired: () => DesiredState;
  readonly provider: (id: ProviderId) => Provider | undefined;
  readonly component: (id: ComponentId) => LiveEnd | undefined;
  /** A configuration with values in place of references to secrets. */
  readonly filled: (asker: ProviderId, config: unknown) => Promise<unknown>;
  readonly callees: Callees;
  readonly remote: RemoteEnds | undefined;
  readonly router: Router;
  readonly meters: LinkMeters;
  /** How long calls that were taken may keep a link from going. */
  readonly drainLimit: Millis;
  readonly log: Logger;
}

interface LiveEnd {
  readonly spec: ComponentSpec;
  readonly prepared: PreparedComponent;
  readonly running: RunningComponent;
}

export interface LiveLink {
  /** Undefined when the other end is no provider of this device. */
  readonly binding: Binding | undefined;
  readonly route: Route | undefined;
  /** For a component elsewhere that imports. */
  readonly served?: AsyncDisposable | undefined;
}

/** Which of a link's ends are here, and what they are, follows from the desired state. */
export interface LinkBinder {
  /**
   * Undefined when an end did not start, which is for that end to report. `before` is what the link was until now, when it
   * is bound again without having been unbound.
   */
  bind(link: LinkSpec, before: LiveLink | undefined): Promise<LiveLink | undefined>;
  unbind(live: LiveLink): Promise<void>;
  /**
   * Whether it could be bound, as far as that can be told without doing it.
   * @throws PetioleError ERR_LINK_INVALID, ERR_EXPORT_MISSING, ERR_PROVIDER_CONFIG; ERR_PROVIDER_STOPPED when the provider does
   *   not run
   */
  check(link: LinkSpec): Promise<void>;
}

export function createLinkBinder(deps: LinkBinderDeps): LinkBinder {
  const { desired, provider, component, callees, remote, router, meters, drainLimit, log } = deps;

  const providers = remote === undefined ? undefined : createProviderServing(remote);
  const isComponent = (id: string): boolean => desired().components.some((spec) => spec.id === id);
  const isProvider = (id: string): boolean => desired().providers.some((spec) => spec.id === id);

  function bindLoose(link: LinkSpec, before: LiveLink | undefined): LiveLink {
    before?.route?.[Symbol.dispose]();
    const { source, target, interfaces } = link;
    const [from, to] = [component(source), component(target)];
    if (from !== undefined && to !== undefined) checkFit(link, from.prepared, to.prepared);
    const functions = callLoosely(link, { callees, remote, component });
    const route = router.add({ component: source, interfaces, functions, meter: meters.of(link) });
    return { binding: undefined, route };
  }

  async function bindProvider(
    link: LinkSpec,
    serving: Provider,
    direction: LinkContext<unknown>["direction"],
  ): Promise<LiveLink | undefined> {
    const imports = direction === "imports";
    const id = imports ? link.source : link.target;
    const elsewhere = !isComponent(id);
    const live = component(id);
    const ends = elsewhere && serving.bindsElsewhere !== true ? remote : undefined;
    if (elsewhere && serving.bindsElsewhere !== true) {
      if (ends === undefined || !link.interfaces.every((name) => ends.knows(name))) return undefined;
    } else if (!elsewhere && !imports && live === undefined) return undefined;
    if (imports) checkProvider(link, serving.id, serving.serves, "serve");
    else {
      checkProvider(link, serving.id, serving.calls, "call");
      if (live !== undefined) checkExports(link, live.prepared.exports);
    }
    const running = (what: string): RunningComponent => {
      if (!imports && live !== undefined) return live.running;
      const reason = imports ? "the link is for its imports" : "it is on another host";
      throw new PetioleError("ERR_LINK_INVALID", `Cannot call ${what} of "${id}": ${reason}`);
    };
    const config = serving.parseLinkConfig(await deps.filled(serving.id, link.config));
    const meter = meters.of(link);
    const binding = await serving.bind({
      component: id,
      linkName: link.name,
      direction,
      interfaces: link.interfaces,
      config,
      elsewhere,
      shapes: () => linkedShapes(link, component(id)?.prepared.shapes[direction]),
      call: async (name, functionName, args) =>
        await measured(meter, async () => {
          if (imports || ends === undefined) return await running(name).call(name, functionName, args);
          const called = { interfaceName: unversioned(name), functionName };
          return await ends.deliver({ provider: serving.id, linkName: link.name, component: id, ...called }, args);
        }),
      http: async (request) =>
        await measured(meter, async () => await running("wasi:http/incoming-handler").http(request)),
      log: log.child({ component: id, provider: serving.id }),
    });
    if (!imports) return { binding, route: undefined };
    const { name, interfaces } = link;
    const { functions } = binding;
    if (!elsewhere) return { binding, route: router.add({ component: id, interfaces, functions, meter }) };
    const served =
      ends && providers?.add({ provider: serving.id, component: id, name, interfaces }, { functions, meter });
    return { binding, route: undefined, served };
  }

  return {
    async bind(link, before) {
      const { source, target } = link;
      if (isProvider(target)) {
        const serving = provider(target);
        return serving === undefined ? undefined : await bindProvider(link, serving, "imports");
      }
      if (isProvider(source)) {
        const calling = provider(source);
        return calling === undefined ? undefined : await bindProvider(link, calling, "exports");
      }
      return isComponent(source) ? bindLoose(link, before) : undefined;
    },

    async check(link) {
      const { source, target } = link;
      const [id, end, direction] = isProvider(target) ? [target, source, "imports"] : [source, target, "exports"];
      const live = provider(id);
      if (live === undefined) {
        const text = `Cannot link "${source}" to "${target}": provider "${id}" does not run`;
        throw new PetioleError("ERR_PROVIDER_STOPPED", text);
      }
      if (direction === "imports") checkProvider(link, id, live.serves, "serve");
      else {
        checkProvider(link, id, live.calls, "call");
        const other = component(end);
        if (other !== undefined) checkExports(link, other.prepared.exports);
      }
      // What a secret is worth shows when the link is made.
      if (findReferences(link.config).length === 0) live.parseLinkConfig(link.config);
    },

    async unbind({ binding, route, served }) {
      // No call begins any more, and those that have begun end, before what serves them does.
      await served?.[Symbol.asyncDispose]();
      route?.[Symbol.dispose]();
      await route?.drain(drainLimit);
      await binding?.[Symbol.asyncDispose]();
    },
  };
}

const linkedShapes = (
  { interfaces }: LinkSpec,
  shapes: readonly InterfaceShape[] | undefined,
): readonly InterfaceShape[] => (shapes ?? []).filter(({ name }) => interfaces.includes(unversioned(name)));
