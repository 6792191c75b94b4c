// Which component of a workload serves what another one imports. Pure.

interface Borders {
  readonly imports: readonly string[];
  readonly exports: readonly string[];
}

/** The other component that exports exactly this interface, its version included. */
export function exporterOf(
  name: string,
  importer: number,
  components: readonly Borders[],
): number | "several" | undefined {
  const exporters = components.flatMap(({ exports }, index) =>
    index !== importer && exports.includes(name) ? [index] : [],
  );
  return exporters.length > 1 ? "several" : exporters[0];
}

/** Components that wait for each other; undefined when there are none. */
export function findCycle(components: readonly Borders[]): readonly number[] | undefined {
  const needs = components.map(({ imports }, index) => [
    ...new Set(imports.map((name) => exporterOf(name, index, components)).filter((one) => typeof one === "number")),
  ]);
  const done = new Set<number>();

  function visit(index: number, path: readonly number[]): readonly number[] | undefined {
    const start = path.indexOf(index);
    if (start !== -1) return path.slice(start);
    if (done.has(index)) return undefined;
    for (const next of needs[index] ?? []) {
      const cycle = visit(next, [...path, index]);
      if (cycle !== undefined) return cycle;
    }
    done.add(index);
    return undefined;
  }

  for (const index of components.keys()) {
    const cycle = visit(index, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
