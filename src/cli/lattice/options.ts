import { connectLatticeClient, type LatticeClient } from "../../adapters/lattice/wasmcloud/client.ts";
import { PetioleError } from "../../domain/errors.ts";
import type { Millis } from "../../domain/units.ts";
import { printable } from "../printable.ts";

/** Options of every command that speaks with a lattice. */
export interface LatticeOptions {
  readonly nats: string;
  readonly creds?: string;
  readonly lattice: string;
  readonly timeout: Millis;
  readonly json?: true;
}

export async function withLattice(
  options: LatticeOptions,
  work: (client: LatticeClient) => Promise<void>,
): Promise<void> {
  const { nats: server, creds: credentials, lattice, timeout } = options;
  checkServer(server);
  await using client = await connectLatticeClient({ server, credentials, lattice, timeout });
  await work(client);
}

/** @throws PetioleError ERR_CONFIG_INVALID */
export function checkServer(server: string): void {
  if (/^(nats|tls|wss?):\/\/\S+$/.test(server)) return;
  throw new PetioleError("ERR_CONFIG_INVALID", `Cannot use "${server}": want a URL such as nats://hub.example:4222`);
}

/** JSON for programs, else text for people. */
export function print<T>({ json }: LatticeOptions, answer: T, format: (answer: T) => string): void {
  process.stdout.write(json === true ? `${JSON.stringify(answer)}\n` : `${printable(format(answer))}\n`);
}

/**
 * The id of the host that is meant: an id, the beginning of one, or a part of a name.
 * @throws PetioleError ERR_LATTICE_REQUEST when none or several are
 */
export async function resolveHost(client: LatticeClient, text: string): Promise<string> {
  if (/^N[A-Z2-7]{55}$/.test(text)) return text;
  const wanted = text.toLowerCase();
  const found = (await client.hosts()).filter(
    ({ id, friendly_name: name }) => id.toLowerCase().startsWith(wanted) || name.toLowerCase().includes(wanted),
  );
  const [only] = found;
  if (only !== undefined && found.length === 1) return only.id;
  const names = found.map(({ friendly_name: name, id }) => `${name} (${id})`).join(", ");
  throw new PetioleError(
    "ERR_LATTICE_REQUEST",
    `Cannot tell which host "${text}" is: ${found.length === 0 ? "no host answers to it" : `it may be ${names}`}`,
  );
}
