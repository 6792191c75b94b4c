import type { ComponentLimits, ComponentSpec, WantedComponent } from "../../src/domain/workload.ts";
import { mebibytes, seconds } from "../../src/domain/units.ts";

/** Limits that no ordinary call reaches. */
export const GENEROUS_LIMITS: ComponentLimits = {
  deadline: seconds(20),
  memory: mebibytes(32),
  table: 100_000,
  queue: 16,
  instances: 1,
  cpu: 1,
  logRate: 50,
};

/** What an instance runs with when the test is about something else. */
export const ORDINARY_INSTANCE = {
  limits: GENEROUS_LIMITS,
  recycling: {},
  isolation: "shared",
  grants: { folders: [], network: [] },
} as const satisfies Partial<ComponentSpec>;

export function componentSpec(id: string, more: Partial<ComponentSpec> = {}): ComponentSpec {
  return { id, file: `/${id}.wasm`, config: {}, env: {}, ...ORDINARY_INSTANCE, ...more };
}

/** A component that is fetched first. */
export function imageSpec(id: string, reference: string, more: Partial<WantedComponent> = {}): WantedComponent {
  const { file: _file, ...rest } = componentSpec(id);
  return { ...rest, image: { reference, pull: "missing" }, ...more } as WantedComponent; // `more` fits one of the two.
}
