// What the lattice is told of components that get another version, and what it is given back of what did not work.

import type { ComponentId } from "../../../domain/workload.ts";
import type { UpdateOutcome } from "../../../host/update/update-outcome.ts";
import type { HostContext } from "./context.ts";
import { findItem, withItem, type WantedComponent } from "./wanted.ts";

type UpdateContext = Pick<HostContext, "hostId" | "log" | "wanted" | "want" | "commit" | "save" | "publish">;

/** The item as another reference has it. It comes back to what it was when that does not work. */
export function updatedItem(before: WantedComponent, change: Partial<WantedComponent>): WantedComponent {
  const { reference, annotations } = before;
  return { ...before, ...change, previous: before.previous ?? { reference, annotations } };
}

/**
 * Hears what becomes of updates. Of components that no command of the lattice changed, nothing is told. `applied` is the
 * reference of a component that was made so last: what comes of it says nothing about a command that came since.
 */
export function followUpdates(
  context: UpdateContext,
  applied: (id: ComponentId) => string | undefined,
): (outcome: UpdateOutcome) => void {
  const { hostId, log } = context;

  const change = (item: WantedComponent): void =>
    context.want((wanted) => ({ ...wanted, components: withItem(wanted.components, item) }));

  const eventData = ({ id, reference, annotations, count }: WantedComponent) => ({
    annotations,
    component_id: id,
    host_id: hostId,
    image_ref: reference,
    max_instances: count,
  });

  function giveBack(item: WantedComponent, { outcome, error }: UpdateOutcome): void {
    const { previous, ...rest } = item;
    if (previous === undefined) return;
    const before: WantedComponent = { ...rest, ...previous };
    change(before);
    log.error("A component of the lattice has its version of before again", {
      component: item.id,
      reference: item.reference,
      reason: error?.message,
    });
    // Whoever was told that the new one runs has to know what does now; the last word is about what was asked for.
    if (outcome === "rolled-back") context.publish({ name: "component_scaled", data: eventData(before) });
    context.publish({
      name: "component_scale_failed",
      data: { ...eventData(item), error: error?.message ?? "the new version did not work" },
    });
    void context.commit().catch((cause: unknown) => log.error("Cannot apply what the lattice wants", { err: cause }));
  }

  return (outcome) => {
    const item = findItem(context.wanted().components, outcome.component);
    if (item?.previous === undefined || applied(item.id) !== item.reference) return;
    switch (outcome.outcome) {
      case "switched":
        context.publish({ name: "component_scaled", data: eventData(item) });
        break;
      case "accepted": {
        const { previous: _previous, ...rest } = item;
        change(rest);
        void context.save();
        break;
      }
      case "refused":
      case "rolled-back":
        giveBack(item, outcome);
        break;
    }
  };
}
