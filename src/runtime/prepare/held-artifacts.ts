import type { Artifacts } from "./artifacts.ts";
import { retainedSize } from "./retained-size.ts";

/** Keeps what was made of components until they are started, within bounds: what does not fit is made again. */
export class HeldArtifacts {
  readonly #limit: number;
  readonly #held = new Map<string, { readonly artifacts: Artifacts; readonly size: number }>();
  #size = 0;

  /** `limit` is in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  has(component: string): boolean {
    return this.#held.has(component);
  }

  put(component: string, artifacts: Artifacts): void {
    this.take(component);
    const size = artifacts.glue.script.length + retainedSize(artifacts.modules.values());
    this.#held.set(component, { artifacts, size });
    this.#size += size;
    for (const oldest of this.#held.keys()) {
      if (this.#size <= this.#limit) break;
      this.take(oldest);
    }
  }

  take(component: string): Artifacts | undefined {
    const found = this.#held.get(component);
    if (found === undefined) return undefined;
    this.#held.delete(component);
    this.#size -= found.size;
    return found.artifacts;
  }
}
