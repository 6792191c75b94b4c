// Pins: the clinic's API, as its README has it. The same components, with their records in SQLite and in PostgreSQL: the
// manifest says which.

import { describe, test, type ExpectStatic } from "vitest";
import { startClinic, type TestClinic } from "../../support/clinic.ts";
import { startPostgres, testPostgresFolder } from "../../support/postgres.ts";
import { waitFor } from "../../support/wait-for.ts";

const LIMIT_MS = 180_000;
const folder = await testPostgresFolder();

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

type Ask = (path: string, given?: unknown, init?: RequestInit) => Promise<Answer>;

function createClient({ url }: TestClinic): Ask {
  const post = { method: "POST", headers: { "content-type": "application/json" } };
  return async (path, given, init = {}) => {
    const body = typeof given === "string" ? given : JSON.stringify(given);
    const response = await fetch(`${url}/api${path}`, { ...(given !== undefined && { ...post, body }), ...init });
    const text = await response.text();
    // Some are of the server in front of the components, in one line of text.
    const parsed = text.startsWith("{") ? (JSON.parse(text) as Record<string, unknown>) : { text };
    return { status: response.status, headers: response.headers, body: parsed };
  };
}

const OWNER = { firstName: "Zoë", lastName: "Ärmel", address: "1 Hill", city: "Town", telephone: "0155 1" };
/** Those of the beginning, and those that the suite adds. */
const TOTAL = 6 + 1 + 5;
/** Would end a statement, or begin a tag, where it is taken for more than text. */
const WILD = `'; DROP TABLE owners; -- <b>`;

async function lists(ask: Ask, expect: ExpectStatic): Promise<void> {
  const vets = await ask("/vets?size=2&page=2");
  expect([vets.status, vets.headers.get("content-type")]).toEqual([200, "application/json"]);
  expect(vets.body).toEqual({
    total: 5,
    page: 2,
    size: 2,
    vets: [
      { id: 4, firstName: "Liam", lastName: "Doherty", specialties: ["birds and reptiles"] },
      { id: 3, firstName: "Kamala", lastName: "Iyer", specialties: ["radiology"] },
    ],
  });
  const names = async (query: string): Promise<unknown> => {
    const { body } = await ask(`/owners?${query}`);
    return (body["owners"] as { lastName: string }[]).map(({ lastName }) => lastName);
  };
  expect(await names("")).toEqual(["Haddad", "Kaya", "Keller", "Núñez", "Olsen", "Osei"]);
  expect(await names("size=4&page=2")).toEqual(["Olsen", "Osei"]);
  expect(await names("size=100&page=100000")).toEqual([]);
  expect(await names("name=k")).toEqual(["Kaya", "Keller"]);
  expect(await names("name=NUN")).toEqual(["Núñez"]);
  expect(await names("name=eL%C4%B1f")).toEqual([]);
  expect(await names("name=elif")).toEqual(["Kaya"]);
  // Not patterns.
  for (const wild of ["%25", "_", "!", "%5C", encodeURIComponent(WILD)])
    expect(await names(`name=${wild}`)).toEqual([]);
  expect((await ask("/species")).body).toEqual({ species: ["bird", "cat", "dog", "hamster", "lizard", "rabbit"] });
  expect((await ask("/owners/2")).body).toMatchObject({
    lastName: "Keller",
    pets: [
      { name: "Rolf", birthDate: "2016-09-30", visits: [{ date: "2023-11-02" }, { date: "2023-10-19" }] },
      { name: "Tilda", visits: [] },
    ],
  });
}

/** Adds a family, and returns what it is from then on. */
async function adds(ask: Ask, expect: ExpectStatic): Promise<Record<string, unknown>> {
  const added = await ask("/owners", { ...OWNER, address: WILD, city: "  Töwn \u{1f43e} " });
  const id = Number(added.body["id"]);
  const owner = { id, ...OWNER, address: WILD, city: "Töwn \u{1f43e}" };
  expect(added).toMatchObject({ status: 201, body: { ...owner, pets: [] } });
  expect(added.headers.get("location")).toBe(`/api/owners/${id}`);

  const pet = { name: WILD.slice(0, 40).trim(), species: "cat", birthDate: "2020-02-29" };
  const { status, body } = await ask(`/owners/${id}/pets`, pet);
  expect([status, body]).toEqual([201, { id: body["id"], ...pet, visits: [] }]);
  const visits = [];
  for (const date of ["2020-02-29", "2031-12-31"]) {
    const visit = { date, description: WILD };
    const made = await ask(`/owners/${id}/pets/${Number(body["id"])}/visits`, visit);
    expect(made).toMatchObject({ status: 201, body: visit });
    visits.unshift(made.body);
  }
  const family = { ...owner, pets: [{ id: body["id"], ...pet, visits }] };
  expect((await ask(`/owners/${id}`)).body).toEqual(family);
  return family;
}

async function refuses(ask: Ask, expect: ExpectStatic): Promise<void> {
  const { status, body } = await ask("/owners", { ...OWNER, city: "", vip: "yes" });
  expect([status, body["fields"]]).toEqual([400, { vip: "There is no such field", city: "Fill this in" }]);
  const pet = { name: "Rex", species: "dog", birthDate: "2020-01-01" };
  for (const [path, given, field] of [
    ["/owners/1/pets", { ...pet, species: "dragon" }, "species"],
    ["/owners/1/pets", { ...pet, birthDate: "2021-02-29" }, "birthDate"],
    ["/owners/1/pets", { ...pet, birthDate: "2150-01-01" }, "birthDate"],
    ["/owners/1/pets", { ...pet, name: "x".repeat(41) }, "name"],
    ["/owners/1/pets/1/visits", { date: "2019-04-11", description: "before its birth" }, "date"],
    ["/owners/1/pets/1/visits", { date: "2024-01-01", description: "two\nlines" }, "description"],
  ] as const) {
    const refused = await ask(path, given);
    expect([refused.status, Object.keys(refused.body["fields"] ?? {})], JSON.stringify(given)).toEqual([400, [field]]);
  }
  for (const given of ["{nope", "[]", "null", '"text"']) expect((await ask("/owners", given)).status, given).toBe(400);
  for (const path of ["/owners?page=0", "/owners?size=101", "/owners?name=%ff", "/owners?name=%00", "/vets?page=x"]) {
    expect((await ask(path)).status, path).toBe(400);
  }
  expect((await ask("/owners/1/pets", { ...pet, name: "PEPPER" })).status).toBe(409);
  for (const path of ["/owners/4000000000", "/owners/4294967296", "/owners/x", "/nothing", ""]) {
    expect((await ask(path)).status, path).toBe(404);
  }
  // A pet, and an owner, that are there, but not together.
  expect((await ask("/owners/1/pets/2/visits", { date: "2024-01-01", description: "x" })).status).toBe(404);
  expect((await ask("/owners/4000000000/pets", pet)).status).toBe(404);
  const deleted = await ask("/owners/1", undefined, { method: "DELETE" });
  expect([deleted.status, deleted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  expect((await ask("/owners", " ".repeat(20_000))).status).toBe(413);
  expect((await ask("/owners", " ".repeat(200_000))).status).toBe(413);
  const form = { "content-type": "application/x-www-form-urlencoded" };
  expect((await ask("/owners", "firstName=x", { headers: form })).status).toBe(415);
}

/** Many at a time: each gets a number of its own, and of the same one only one. */
async function countsRight(ask: Ask, expect: ExpectStatic): Promise<void> {
  const one = (telephone: string) => ask("/owners", { ...OWNER, lastName: "Throng", telephone });
  const answers = await Promise.all(["100", "101", "102", "103", "104", "104", "104"].map(one));
  const count = (wanted: number): number => answers.filter(({ status }) => status === wanted).length;
  expect([count(201), count(409)]).toEqual([5, 2]);
  const { body } = await ask("/owners?name=throng");
  expect(new Set((body["owners"] as { id: number }[]).map(({ id }) => id)).size).toBe(5);
}

async function holds(clinic: TestClinic, expect: ExpectStatic): Promise<void> {
  const ask = createClient(clinic);
  await lists(ask, expect);
  const family = await adds(ask, expect);
  await refuses(ask, expect);
  await countsRight(ask, expect);
  await clinic.agent.stop("SIGKILL");
  await clinic.agent.start();
  await clinic.ready();
  expect((await ask(`/owners/${String(family["id"])}`)).body).toEqual(family);
}

describe("the clinic's API", () => {
  test(
    "with records in SQLite",
    async ({ expect }) => {
      await using clinic = await startClinic();
      await holds(clinic, expect);
      // What was there at first was not put there again.
      const { body } = await createClient(clinic)("/owners");
      expect(body["total"]).toBe(TOTAL);
    },
    LIMIT_MS,
  );

  test.skipIf(folder === undefined)(
    "with records in PostgreSQL, which may be away for a while",
    async ({ expect }) => {
      await using postgres = await startPostgres({ folder: folder! });
      await using clinic = await startClinic({ postgres });
      await holds(clinic, expect);
      const ask = createClient(clinic);
      expect((await ask("/owners")).body["total"]).toBe(TOTAL);
      await postgres.kill();
      const away = await ask("/owners");
      expect([away.status, away.headers.get("retry-after")]).toEqual([503, "2"]);
      expect(away.body).toEqual({ error: "The clinic's records cannot be reached now" });
      await postgres.start();
      await waitFor("the records to be there again", async () => (await ask("/owners")).status === 200, 60_000);
    },
    LIMIT_MS,
  );
});
