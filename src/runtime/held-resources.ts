// The resources that an instance holds, of those whose provider is told when one is dropped.

/** What a provider chose to stand for a resource, as far as it can be compared. */
type Key = number | string;

interface Held {
  readonly interfaceId: string;
  readonly resource: string;
  readonly representation: Key;
}

export class HeldResources {
  readonly #held = new Map<string, Held>();

  add(interfaceId: string, resource: string, representation: unknown): void {
    if (typeof representation !== "number" && typeof representation !== "string") return;
    this.#held.set(keyOf(interfaceId, resource, representation), { interfaceId, resource, representation });
  }

  /** False when it was not held. */
  remove(interfaceId: string, resource: string, representation: unknown): boolean {
    if (typeof representation !== "number" && typeof representation !== "string") return false;
    return this.#held.delete(keyOf(interfaceId, resource, representation));
  }

  /** All of them, for the last time. */
  takeAll(): readonly Held[] {
    const all = [...this.#held.values()];
    this.#held.clear();
    return all;
  }
}

const keyOf = (interfaceId: string, resource: string, representation: Key): string =>
  `${interfaceId} ${resource} ${typeof representation} ${representation}`;
