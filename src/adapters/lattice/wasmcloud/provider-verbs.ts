import type { HostContext, Outcome, Verb } from "./context.ts";
import { announceItem, failsForGood, idProblem, isOurs, matchesLabels, MOST_ITEMS } from "./checks.ts";
import { decode } from "./decode.ts";
import { configProblem } from "./named-config.ts";
import { findItem, withItem, withoutItem, type WantedProvider } from "./wanted.ts";
import {
  accepted,
  answer,
  providerAuction,
  refused,
  startProviderRequest,
  stopProviderRequest,
  type StartProviderRequest,
} from "./wire.ts";

export function providerVerbs(context: HostContext): Readonly<Record<string, Verb>> {
  const { hostId } = context;
  /** Starts that have not come to an end. */
  const starting = new Set<string>();

  const statusOf = (id: string) => context.running().providers.find((one) => one.id === id);
  const isRunning = (id: string): boolean => starting.has(id) || statusOf(id)?.state === "running";

  const failed = ({ id, reference }: WantedProvider, error: string): void =>
    context.publish({
      name: "provider_start_failed",
      data: { provider_ref: reference, provider_id: id, host_id: hostId, link_name: "default", error },
    });

  async function settle(item: WantedProvider): Promise<void> {
    try {
      await context.commit();
      if (findItem(context.wanted().providers, item.id) !== item) return;
      const status = statusOf(item.id);
      if (status?.state === "running") {
        await announceItem(context, item);
        const { id, reference, annotations } = item;
        context.publish({
          name: "provider_started",
          data: { host_id: hostId, image_ref: reference, provider_id: id, annotations },
        });
        return;
      }
      // It is told of when it is there, or cannot be had.
      if (status?.state === "fetching") {
        context.awaitLater("provider", item.id, "fetching");
        return;
      }
      if (failsForGood(status?.lastError)) {
        context.want((wanted) => ({ ...wanted, providers: withoutItem(wanted.providers, item.id) }));
        await context.commit();
      } else context.awaitLater("provider", item.id);
      failed(item, status?.lastError?.message ?? "the provider did not start");
    } finally {
      starting.delete(item.id);
    }
  }

  function start(request: StartProviderRequest): Outcome {
    const { provider_id: id, provider_ref: reference, config } = request;
    const item: WantedProvider = { id, reference, config, annotations: request.annotations ?? {} };
    if (isRunning(id)) return { reply: refused("provider with that ID is already running") };
    const unusable = idProblem(id) ?? isOurs(context, id);
    if (unusable !== undefined) return { reply: refused(unusable) };
    const reply = accepted("successfully started provider");
    const { components, providers } = context.wanted();
    const problem =
      (findItem(components, id) === undefined ? undefined : `"${id}" is a component of this host`) ??
      context.providerProblem(reference) ??
      configProblem(config, context.lookup) ??
      (providers.length >= MOST_ITEMS ? `This host runs at most ${MOST_ITEMS} providers of the lattice` : undefined);
    if (problem !== undefined) return { reply, after: async () => failed(item, problem) };
    starting.add(id);
    context.want((wanted) => ({ ...wanted, providers: withItem(wanted.providers, item) }));
    return { reply, after: () => settle(item) };
  }

  async function stop(body: Uint8Array): Promise<Outcome> {
    const { provider_id: id } = decode(stopProviderRequest, body, "provider stop command");
    const item = findItem(context.wanted().providers, id);
    if (item === undefined) {
      return { reply: refused(isOurs(context, id) ?? "provider with that ID is not running") };
    }
    context.want((wanted) => ({ ...wanted, providers: withoutItem(wanted.providers, id) }));
    await context.commit();
    context.publish({
      name: "provider_stopped",
      data: {
        host_id: hostId,
        provider_id: id,
        instance_id: id,
        public_key: id,
        link_name: "default",
        annotations: item.annotations,
        reason: "stop",
      },
    });
    return { reply: accepted("successfully stopped provider") };
  }

  return {
    "provider.auction": (body) => {
      const request = decode(providerAuction, body, "provider auction request");
      const { provider_ref, provider_id, constraints } = request;
      const fits =
        matchesLabels(constraints, context.labels()) &&
        isOurs(context, provider_id) === undefined &&
        !isRunning(provider_id) &&
        context.providerProblem(provider_ref) === undefined;
      return { reply: fits ? answer({ host_id: hostId, provider_ref, provider_id, constraints }) : undefined };
    },
    "provider.start": (body) => start(decode(startProviderRequest, body, "provider start command")),
    "provider.stop": stop,
  };
}
