import { updatedItem } from "./component-updates.ts";
import type { HostContext, Outcome, Verb } from "./context.ts";
import { decode } from "./decode.ts";
import type { ComponentEventData } from "./events.ts";
import { configProblem } from "./named-config.ts";
import { announceItem, failsForGood, idProblem, isOurs, matchesLabels, MOST_ITEMS } from "./checks.ts";
import { findItem, withItem, withoutItem, type WantedComponent } from "./wanted.ts";
import { accepted, answer, componentAuction, refused, scaleRequest, updateRequest, type ScaleRequest } from "./wire.ts";

export function componentVerbs(context: HostContext): Readonly<Record<string, Verb>> {
  const { hostId, log } = context;

  const statusOf = (id: string) => context.running().components.find((one) => one.id === id);

  const eventData = (item: Omit<WantedComponent, "config">, host = hostId): ComponentEventData => ({
    annotations: item.annotations,
    component_id: item.id,
    host_id: host,
    image_ref: item.reference,
    max_instances: item.count,
  });
  const scaled = (item: Omit<WantedComponent, "config">, host?: string): void =>
    context.publish({ name: "component_scaled", data: eventData(item, host) });

  /** Makes the change so and reports what came of it. */
  async function settle(item: WantedComponent, before: WantedComponent | undefined, host: string): Promise<void> {
    await context.commit();
    // Another command was faster: what came of that is its own to report.
    if (findItem(context.wanted().components, item.id) !== item) return;
    const status = statusOf(item.id);
    if (status?.state === "running") {
      await announceItem(context, item);
      scaled(item, host);
      return;
    }
    // It is told of when it is there, or cannot be had.
    if (status?.state === "fetching") {
      context.awaitLater("component", item.id, "fetching");
      return;
    }
    const error = status?.lastError;
    if (before === undefined && failsForGood(error)) {
      context.want((wanted) => ({ ...wanted, components: withoutItem(wanted.components, item.id) }));
      await context.commit();
    } else context.awaitLater("component", item.id);
    context.publish({
      name: "component_scale_failed",
      data: { ...eventData(item, host), error: error?.message ?? "the component did not start" },
    });
  }

  /** What becomes of the update of a component that runs is told when it is known: see followUpdates(). */
  async function settleUpdate(item: WantedComponent): Promise<void> {
    await context.commit();
    if (findItem(context.wanted().components, item.id) !== item) return;
    const status = statusOf(item.id);
    if (status?.state !== "running") await settle(item, item, hostId);
  }

  function stop(request: ScaleRequest, item: WantedComponent | undefined, host: string): Outcome {
    const asked = {
      id: request.component_id,
      reference: request.component_ref,
      annotations: request.annotations ?? {},
      count: 0,
    };
    if (item === undefined) return { reply: accepted(), after: async () => scaled(asked, host) };
    context.want((wanted) => ({ ...wanted, components: withoutItem(wanted.components, item.id) }));
    return {
      reply: accepted(),
      after: async () => {
        await context.commit();
        scaled({ ...item, count: 0 }, host);
      },
    };
  }

  function scale(request: ScaleRequest): Outcome {
    const { component_id: id, component_ref: reference, count, config } = request;
    const annotations = request.annotations ?? {};
    const host = request.host_id === "" ? hostId : request.host_id;
    const unusable = idProblem(id) ?? isOurs(context, id);
    if (unusable !== undefined) return { reply: refused(unusable) };
    const before = findItem(context.wanted().components, id);
    if (count === 0) return stop(request, before, host);

    const other = before !== undefined && before.reference !== reference;
    const updated = other && request.allow_update;
    const item: WantedComponent =
      before === undefined
        ? { id, reference, count, annotations, config }
        : updated
          ? updatedItem(before, { reference, count, annotations, config })
          : { ...before, count, config: request.config };
    const reply = accepted(
      other
        ? request.allow_update
          ? `Requested to scale existing component, with a changed image reference: ${before.reference} != ${reference}. ` +
            "The component will be scaled, and the image reference will be updated afterwards."
          : `Requested to scale existing component to a different image reference: ${before.reference} != ${reference}. ` +
            "The component will be scaled but the image reference will not be updated. If you meant to update this " +
            "component to a new image ref, use the update command."
        : "",
    );
    if (before !== undefined && isSame(item, before) && statusOf(id)?.state === "running") {
      return { reply, after: async () => scaled(before, host) };
    }
    const problem =
      (before === undefined || updated ? context.componentProblem(reference) : undefined) ??
      configProblem(config, context.lookup) ??
      (before === undefined && context.wanted().components.length >= MOST_ITEMS
        ? `This host runs at most ${MOST_ITEMS} components of the lattice`
        : undefined);
    if (problem !== undefined) {
      const data = { ...eventData({ id, reference, annotations, count }, host), error: problem };
      return { reply, after: async () => context.publish({ name: "component_scale_failed", data }) };
    }
    context.want((wanted) => ({ ...wanted, components: withItem(wanted.components, item) }));
    return { reply, after: () => (updated ? settleUpdate(item) : settle(item, before, host)) };
  }

  function update(body: Uint8Array): Outcome {
    const request = decode(updateRequest, body, "component update command");
    const { component_id: id, new_component_ref: reference } = request;
    const before = findItem(context.wanted().components, id);
    if (before === undefined) return { reply: refused(isOurs(context, id) ?? `component ${id} not found`) };
    if (before.reference === reference) {
      return { reply: accepted(`component ${id} already updated to ${reference}`) };
    }
    const reply = accepted(`component ${id} updating from ${before.reference} to ${reference}`);
    const problem = context.componentProblem(reference);
    if (problem !== undefined) {
      log.error("Cannot update a component", { component: id, reference, reason: problem });
      const data = { ...eventData({ ...before, reference, annotations: request.annotations ?? {} }), error: problem };
      return { reply, after: async () => context.publish({ name: "component_scale_failed", data }) };
    }
    const item = updatedItem(before, { reference, annotations: request.annotations ?? {} });
    context.want((wanted) => ({ ...wanted, components: withItem(wanted.components, item) }));
    return { reply, after: () => settleUpdate(item) };
  }

  return {
    "component.auction": (body) => {
      const request = decode(componentAuction, body, "component auction request");
      const { component_ref, component_id, constraints } = request;
      const fits =
        matchesLabels(constraints, context.labels()) &&
        idProblem(component_id) === undefined &&
        isOurs(context, component_id) === undefined &&
        statusOf(component_id) === undefined &&
        context.componentProblem(component_ref) === undefined;
      return { reply: fits ? answer({ component_ref, component_id, host_id: hostId, constraints }) : undefined };
    },
    "component.scale": (body) => scale(decode(scaleRequest, body, "component scale command")),
    "component.update": update,
  };
}

const isSame = (one: WantedComponent, other: WantedComponent): boolean =>
  one.reference === other.reference &&
  one.count === other.count &&
  one.config.length === other.config.length &&
  one.config.every((name, i) => name === other.config[i]);
