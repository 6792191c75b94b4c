import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import { parse } from "yaml";

interface Manifest {
  readonly spec: { readonly components: readonly { readonly name: string }[] };
}

const read = async (name: string): Promise<Manifest> =>
  parse(await readFile(join(import.meta.dirname, name), "utf8")) as Manifest;

test("application-postgres.yaml differs from application.yaml by the database alone", async ({ expect }) => {
  const [sqlite, postgres] = [await read("application.yaml"), await read("application-postgres.yaml")];
  const rest = ({ spec, ...others }: Manifest) => ({
    ...others,
    components: spec.components.filter(({ name }) => name !== "database"),
  });
  expect(rest(postgres)).toEqual(rest(sqlite));
  expect(rest(sqlite).components.length).toBe(6);
});
