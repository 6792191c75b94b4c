import { describe, test } from "vitest";
import type { HttpAnswer } from "../../common/http.ts";
import { answer } from "./answer.ts";
import type { Clinic } from "./clinic.ts";

const owner = { id: 1, firstName: "Ada", lastName: "Moreno", address: "1 Hill", city: "Town", telephone: "555 01" };
const pet = { id: 7, name: "Rex", species: "dog", birthDate: { year: 2020, month: 1, day: 5 } };
const visit = { id: 3, pet: 7, date: { year: 2023, month: 4, day: 1 }, description: "check" };
const { id: _, ...draft } = owner;

/** As what an import of a component fails with. */
const fault = (tag: string, val: string): Error => Object.assign(new Error(val), { payload: { tag, val } });

function createBench(changes: Partial<Clinic["owners"]> = {}) {
  const calls: unknown[] = [];
  const warnings: string[] = [];
  const clinic: Clinic = {
    owners: {
      search(name, page) {
        calls.push(["search", name, page]);
        return { total: 1, owners: [{ owner, pets: ["Rex"] }] };
      },
      get(id) {
        if (id !== 1) throw fault("missing", `There is no owner ${id}`);
        return { owner, pets: [pet] };
      },
      add(given) {
        calls.push(["add", given]);
        return { id: 2, ...given };
      },
      addPet(id, given) {
        calls.push(["add pet", id, given]);
        return { id: 8, ...given };
      },
      species: () => ["cat", "dog"],
      ...changes,
    },
    vets: { search: () => ({ total: 1, vets: [{ id: 1, firstName: "Ines", lastName: "Albrecht", specialties: [] }] }) },
    visits: {
      ofPets(pets) {
        calls.push(["visits", pets]);
        return [visit];
      },
      add(id, given) {
        calls.push(["add visit", id, given]);
        return { id: 4, pet: id, ...given };
      },
    },
    today: () => ({ year: 2024, month: 6, day: 15 }),
  };
  const ask = (method: string, address: string, body?: unknown, type = "application/json") => {
    const bytes = typeof body === "string" ? body : JSON.stringify(body ?? {});
    const [path = "", query = ""] = address.split("?");
    const given = answer(
      {
        method,
        path,
        query,
        header: (name) => ({ "content-type": type, "content-length": String(bytes.length) })[name],
        body: (limit) => (bytes.length > limit ? undefined : new TextEncoder().encode(bytes)),
      },
      { clinic, warn: (message) => void warnings.push(message) },
    );
    return { ...given, said: JSON.parse(given.body) as Record<string, unknown> };
  };
  return { ask, calls, warnings };
}

const errorOf = ({ status, said }: HttpAnswer & { readonly said: Record<string, unknown> }) => [status, said["error"]];

describe("answer()", () => {
  test("lists owners, by name and page", ({ expect }) => {
    const { ask, calls } = createBench();
    expect(ask("get", "/api/owners?name=+mor&page=3&size=10").said).toEqual({
      total: 1,
      page: 3,
      size: 10,
      owners: [{ ...owner, pets: ["Rex"] }],
    });
    expect(ask("head", "/api/owners").status).toBe(200);
    expect(calls).toEqual([
      ["search", "mor", { offset: 20, limit: 10 }],
      ["search", "", { offset: 0, limit: 20 }],
    ]);
  });

  test("puts pets and visits to their owner", ({ expect }) => {
    expect(createBench().ask("get", "/api/owners/1").said).toEqual({
      ...owner,
      pets: [{ ...pet, birthDate: "2020-01-05", visits: [{ id: 3, date: "2023-04-01", description: "check" }] }],
    });
  });

  test("adds an owner, a pet and a visit", ({ expect }) => {
    const { ask, calls } = createBench();
    expect(ask("post", "/api/owners", draft)).toMatchObject({ status: 201, headers: { location: "/api/owners/2" } });
    const given = { name: "Tom", species: "cat", birthDate: "2024-06-01" };
    expect(ask("post", "/api/owners/1/pets", given)).toMatchObject({ status: 201, said: { ...given, visits: [] } });
    const call = { date: "2024-07-01", description: "teeth" };
    expect(ask("post", "/api/owners/1/pets/7/visits", call)).toMatchObject({ status: 201, said: call });
    expect(calls).toEqual([
      ["add", draft],
      ["add pet", 1, { ...given, birthDate: { year: 2024, month: 6, day: 1 } }],
      ["add visit", 7, { ...call, date: { year: 2024, month: 7, day: 1 } }],
    ]);
  });

  test("says 400 with the fields that are wrong", ({ expect }) => {
    const { ask, calls } = createBench();
    expect(ask("post", "/api/owners", { ...draft, city: "" })).toMatchObject({
      status: 400,
      said: { fields: { city: "Fill this in" } },
    });
    for (const query of [
      "page=0",
      "page=x",
      "page=100001",
      "page=-1",
      "size=101",
      "size=0",
      `name=${"x".repeat(41)}`,
    ]) {
      const [name = ""] = query.split("=");
      expect(ask("get", `/api/owners?${query}`), query).toMatchObject({
        status: 400,
        said: { fields: { [name]: expect.any(String) } },
      });
    }
    expect(errorOf(ask("get", "/api/owners?name=%ff"))).toEqual([400, "The query is not encoded as in addresses"]);
    expect(ask("get", "/api/owners?name=%00").status).toBe(400);
    expect(errorOf(ask("post", "/api/owners", "{nope"))).toEqual([400, "The body is not JSON"]);
    expect(calls).toEqual([]);
  });

  test("says 404 for what is not there", ({ expect }) => {
    const { ask } = createBench();
    expect(errorOf(ask("get", "/api/owners/2"))).toEqual([404, "There is no owner 2"]);
    expect(errorOf(ask("post", "/api/owners/1/pets/9/visits", {}))).toEqual([404, "Owner 1 has no pet 9"]);
    for (const path of [
      "/api",
      "/api/",
      "/api/owners/",
      "/api/owners/0",
      "/api/owners/4294967296",
      "/api/owners/1/visits",
    ]) {
      expect(ask("get", path).status, path).toBe(404);
    }
  });

  test("says 405 with the methods that there are", ({ expect }) => {
    const { ask } = createBench();
    expect(ask("delete", "/api/owners/1")).toMatchObject({ status: 405, headers: { allow: "GET, HEAD" } });
    expect(ask("put", "/api/owners")).toMatchObject({ status: 405, headers: { allow: "GET, HEAD, POST" } });
    expect(ask("get", "/api/owners/1/pets")).toMatchObject({ status: 405, headers: { allow: "POST" } });
  });

  test("says 409 for what is there already", ({ expect }) => {
    const add = (): never => {
      throw fault("exists", "known already: twice");
    };
    expect(errorOf(createBench({ add }).ask("post", "/api/owners", draft))).toEqual([409, "known already: twice"]);
  });

  test("says 413 and 415 before it parses anything", ({ expect }) => {
    const { ask } = createBench();
    expect(ask("post", "/api/owners", " ".repeat(16 * 1024 + 1)).status).toBe(413);
    expect(ask("post", "/api/owners", draft, "application/x-www-form-urlencoded").status).toBe(415);
    expect(ask("post", "/api/owners", draft, "application/json; charset=utf-8").status).toBe(201);
  });

  test("says 503 while the records cannot be reached, and what it is to the log alone", ({ expect }) => {
    const species = (): never => {
      throw fault("unavailable", "unexpected: unreachable: 10.0.0.7");
    };
    const { ask, warnings } = createBench({ species });
    const found = ask("get", "/api/species");
    expect(errorOf(found)).toEqual([503, "The clinic's records cannot be reached now"]);
    expect(found.headers["retry-after"]).toBe("2");
    expect(warnings).toEqual(["The records cannot be reached: unexpected: unreachable: 10.0.0.7"]);
  });

  test("says 500 for its own faults, and what they are to the log alone", ({ expect }) => {
    const species = (): never => {
      throw new TypeError("secret detail");
    };
    const { ask, warnings } = createBench({ species });
    expect(errorOf(ask("get", "/api/species"))).toEqual([500, "Something went wrong here"]);
    expect(warnings).toEqual(["A request failed: secret detail"]);
  });
});
