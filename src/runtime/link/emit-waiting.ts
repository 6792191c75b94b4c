// Which functions of a component can be suspended. A core instance can when it calls an import that may wait, or when it
// shares functions or tables with one that does: modules call each other through tables, so all that are connected by
// imports count as one.

import type { Resource } from "../../lib/wit/type.ts";
import type { ComponentFunction, CoreItem, LinkPlan } from "./plan.ts";

export type Waits = (interfaceName: string, functionName: string) => boolean;

export interface Waiting {
  /** By number: a call of the function that a `lift` or `lower` step makes may be suspended. */
  readonly lifts: readonly boolean[];
  readonly lowers: readonly boolean[];
  /** Dropping such a resource calls a destructor that may be suspended. */
  readonly destructors: ReadonlySet<Resource>;
}

export function findWaiting(plan: LinkPlan, waits: Waits): Waiting {
  const instantiations = plan.steps.filter((step) => step.kind === "instantiate");
  const lifts = plan.steps.filter((step) => step.kind === "lift");
  const lowers = plan.steps.filter((step) => step.kind === "lower");
  const groups = new Groups(instantiations.length);
  instantiations.forEach(({ imports }, instance) => {
    for (const { item } of imports) if (item.kind === "export") groups.join(instance, item.instance);
  });

  const importWaits = (target: ComponentFunction): boolean =>
    target.kind === "import" && waits(target.interfaceName, target.functionName);
  // Groups that wait when another one does, because they call it.
  const callers = new Map<number, Set<number>>();
  const found: number[] = [];
  const calls = (caller: number, item: CoreItem | undefined): void => {
    if (item?.kind !== "export") return;
    const called = groups.of(item.instance);
    const known = callers.get(called);
    if (known === undefined) callers.set(called, new Set([caller]));
    else known.add(caller);
  };
  instantiations.forEach(({ imports }, instance) => {
    const group = groups.of(instance);
    for (const { item } of imports) {
      if (item.kind === "lowered") {
        const target = lowers[item.lowered]?.target;
        if (target === undefined) continue;
        if (importWaits(target)) found.push(group);
        else if (target.kind === "lifted") calls(group, lifts[target.lifted]?.core);
      } else if (item.kind === "resource-drop") calls(group, destructorOf(plan, item.resource));
    }
  });

  const waiting = new Set<number>();
  for (let group = found.pop(); group !== undefined; group = found.pop()) {
    if (waiting.has(group)) continue;
    waiting.add(group);
    for (const caller of callers.get(group) ?? []) found.push(caller);
  }
  const itemWaits = (item: CoreItem | undefined): boolean =>
    item?.kind === "export" && waiting.has(groups.of(item.instance));
  const liftWaits = lifts.map(({ core }) => itemWaits(core));
  return {
    lifts: liftWaits,
    lowers: lowers.map(({ target }) =>
      target.kind === "import" ? importWaits(target) : (liftWaits[target.lifted] ?? false),
    ),
    destructors: new Set([...plan.resources.keys()].filter((resource) => itemWaits(destructorOf(plan, resource)))),
  };
}

function destructorOf(plan: LinkPlan, resource: Resource): CoreItem | undefined {
  const origin = plan.resources.get(resource);
  return origin?.kind === "guest" ? origin.destructor : undefined;
}

/** Numbers that are joined to groups; a group is known by one of them. */
class Groups {
  readonly #parents: number[];
  readonly #sizes: number[];

  constructor(count: number) {
    this.#parents = Array.from({ length: count }, (_, index) => index);
    this.#sizes = Array.from({ length: count }, () => 1);
  }

  of(member: number): number {
    let root = member;
    for (let parent = this.#parents[root]; parent !== undefined && parent !== root; parent = this.#parents[root]) {
      root = parent;
    }
    this.#parents[member] = root;
    return root;
  }

  join(a: number, b: number): void {
    const one = this.of(a);
    const other = this.of(b);
    if (one === other) return;
    const [root, child] = this.#size(one) < this.#size(other) ? [other, one] : [one, other];
    this.#parents[child] = root;
    this.#sizes[root] = this.#size(root) + this.#size(child);
  }

  #size(root: number): number {
    return this.#sizes[root] ?? 1;
  }
}
