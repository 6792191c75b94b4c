// Somebody who comes to the clinic with a new pet.

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export interface Patient {
  lookForVets(): Promise<void>;
  /** Sends what is wrong, and is told so. */
  mistype(): Promise<void>;
  /** Adds an owner with a pet that has a visit. What `read` should give from then on is `expected`. */
  register(): Promise<{ readonly owner: number; readonly expected: unknown }>;
  read(owner: number): Promise<unknown>;
}

const OWNER = {
  firstName: "Noor",
  lastName: "Visser",
  address: "12 Lock Road",
  city: "Harbourton",
  telephone: "0155 209 418",
};
const PET = { name: "Muis", species: "cat", birthDate: "2022-08-20" };
const VISIT = { date: "2024-03-11", description: "First check" };

const ANSWER_LIMIT_MS = 60_000;

/** `show` is given each request, as one types it, and what was answered. */
export function createPatient(
  url: string,
  stop: AbortSignal,
  show: (command: string, output: string) => void,
): Patient {
  async function ask(want: number, path: string, body?: unknown): Promise<unknown> {
    const { status, body: answer } = await send(path, body);
    if (status !== want) throw new Error(`"${path}" answers with ${status}, want ${want}`);
    return answer;
  }

  async function send(path: string, body: unknown): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const response = await fetch(`${url}${path}`, {
      signal: AbortSignal.any([stop, AbortSignal.timeout(ANSWER_LIMIT_MS)]),
      ...(text !== undefined && { method: "POST", body: text, headers: { "content-type": "application/json" } }),
    });
    const answer = await response.text();
    const data = text === undefined ? "" : ` --json '${text}'`;
    show(`curl ${url}${path}${data}`, `${response.status} ${answer}`);
    return { status: response.status, body: JSON.parse(answer) as unknown };
  }

  return {
    async lookForVets() {
      await ask(200, "/api/vets?size=2");
    },
    async mistype() {
      await ask(400, "/api/owners", { ...OWNER, telephone: "none" });
    },
    async register() {
      const { id: owner } = (await ask(201, "/api/owners", OWNER)) as { readonly id: number };
      const { id: pet } = (await ask(201, `/api/owners/${owner}/pets`, PET)) as { readonly id: number };
      const { id: visit } = (await ask(201, `/api/owners/${owner}/pets/${pet}/visits`, VISIT)) as {
        readonly id: number;
      };
      const expected = { id: owner, ...OWNER, pets: [{ id: pet, ...PET, visits: [{ id: visit, ...VISIT }] }] };
      return { owner, expected };
    },
    read: async (owner) => await ask(200, `/api/owners/${owner}`),
  };
}
