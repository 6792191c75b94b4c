import { MalformedBinary, WorkLimit } from "../binary/byte-reader.ts";
import type { CoreModule } from "../binary/definitions.ts";
import type { Resource } from "../../lib/wit/type.ts";
import type { LinkStep, ResourceOrigin } from "./plan.ts";
import { Signatures } from "./resolve-signatures.ts";

type StepOf<K extends LinkStep["kind"]> = Omit<Extract<LinkStep, { kind: K }>, "kind">;

/** A component instance, which gets its number when it first has anything of its own: shims never do. */
export interface Owner {
  number(): number;
}

// What small definitions can unfold to: instances of components that hold instances of components. JavaScript components
// take about 3,500. Bounded by the memory that the unfolded takes, as the agent's heap is small.
const MAX_WORK = 200_000;
const MAX_STEPS = 20_000;

/** The plan while it is made. */
export class Linking {
  readonly modules: readonly CoreModule[];
  readonly steps: LinkStep[] = [];
  readonly resources = new Map<Resource, ResourceOrigin>();
  readonly work = new WorkLimit(MAX_WORK);
  readonly signatures = new Signatures();
  readonly #counts = { instantiate: 0, lower: 0, lift: 0, component: 0 };
  #owners = 0;
  #missing: string | undefined;

  constructor(modules: readonly CoreModule[]) {
    this.modules = modules;
  }

  get owners(): number {
    return this.#owners;
  }

  /** What the component needs first that this linker does not have. */
  get missing(): string | undefined {
    return this.#missing;
  }

  /** Reading goes on, for what the component imports and exports. */
  needs(what: string): void {
    this.#missing ??= what;
  }

  owner(): Owner {
    let number: number | undefined;
    return { number: () => (number ??= this.#owners++) };
  }

  /** Counts the instantiation of a component. */
  component(): void {
    this.#count("component");
  }

  instantiate(step: StepOf<"instantiate">): number {
    this.steps.push({ kind: "instantiate", ...step });
    return this.#count("instantiate");
  }

  lower(step: StepOf<"lower">): number {
    this.steps.push({ kind: "lower", ...step });
    return this.#count("lower");
  }

  lift(step: StepOf<"lift">): number {
    this.steps.push({ kind: "lift", ...step });
    return this.#count("lift");
  }

  #count(kind: LinkStep["kind"] | "component"): number {
    const { instantiate, lower, lift, component } = this.#counts;
    if (instantiate + lower + lift + component >= MAX_STEPS) {
      throw new MalformedBinary(`takes more than ${MAX_STEPS} steps to instantiate`);
    }
    return this.#counts[kind]++;
  }
}
