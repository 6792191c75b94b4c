import type { LatticeClient, LatticeEvent } from "../../adapters/lattice/wasmcloud/client.ts";
import { PetioleError } from "../../domain/errors.ts";
import { print, resolveHost, withLattice, type LatticeOptions } from "./options.ts";

export interface WorkOptions extends LatticeOptions {
  readonly host?: string;
}

export interface ScaleOptions extends WorkOptions {
  readonly config: readonly string[];
}

export interface StartOptions extends ScaleOptions {
  readonly count: number;
}

/** A host fetches and links a component before it tells how that went. */
const WAIT_MS = 60_000;

/** References of petiole's own providers; whoever means another host's says so. */
const isProvider = (reference: string): boolean => /^(petiole:\/\/|builtin:|wasmcloud\+builtin:\/\/)/.test(reference);

export interface WorkDone {
  readonly host: string;
  readonly id: string;
  readonly reference: string;
  readonly count: number | undefined;
}

/** `petiole lattice start` */
export async function latticeStart(
  reference: string,
  id: string,
  options: StartOptions & { readonly provider?: true },
): Promise<void> {
  await withLattice(options, async (client) => {
    const kind = options.provider === true || isProvider(reference) ? "provider" : "component";
    const host =
      options.host === undefined ? await client.auction(kind, id, reference) : await resolveHost(client, options.host);
    if (host === undefined) {
      const found = "no host takes it: none can load it, or it runs already";
      throw new PetioleError("ERR_LATTICE_REQUEST", `Cannot start "${id}" from "${reference}": ${found}`);
    }
    const done: WorkDone = { host, id, reference, count: kind === "component" ? options.count : undefined };
    if (kind === "component") await scale(client, done, options.config);
    else {
      const body = { provider_id: id, provider_ref: reference, host_id: host, config: options.config };
      await commandAndEvent(client, `provider.start.${host}`, body, outcomeOf(host, "provider", id));
    }
    print(options, done, () => `${id} runs on ${host}`);
  });
}

/** `petiole lattice scale` */
export async function latticeScale(id: string, count: number, options: ScaleOptions): Promise<void> {
  await withLattice(options, async (client) => {
    const { host, reference, kind } = await findWork(client, id, options.host);
    if (kind === "provider") {
      throw new PetioleError("ERR_LATTICE_REQUEST", `Cannot scale "${id}": it is a provider`);
    }
    const done: WorkDone = { host, id, reference, count };
    await scale(client, done, options.config);
    print(options, done, () => `${id} has ${count} instances at most on ${host}`);
  });
}

/** `petiole lattice stop` */
export async function latticeStop(id: string, options: WorkOptions): Promise<void> {
  await withLattice(options, async (client) => {
    const { host, reference, kind } = await findWork(client, id, options.host);
    if (kind === "component") await scale(client, { host, id, reference, count: 0 }, []);
    else await client.ask(`provider.stop.${host}`, { host_id: host, provider_id: id });
    print(options, { host, id, reference }, () => `${id} was stopped on ${host}`);
  });
}

async function scale(
  client: LatticeClient,
  { host, id, reference, count }: WorkDone,
  config: readonly string[],
): Promise<void> {
  const body = {
    component_ref: reference,
    component_id: id,
    annotations: null,
    count,
    host_id: host,
    config,
    allow_update: false,
  };
  await commandAndEvent(client, `component.scale.${host}`, body, outcomeOf(host, "component", id));
}

type Judge = (event: LatticeEvent) => { readonly error: string | undefined } | undefined;

function outcomeOf(host: string, kind: "component" | "provider", id: string): Judge {
  const [done, failed] =
    kind === "component"
      ? ["component_scaled", "component_scale_failed"]
      : ["provider_started", "provider_start_failed"];
  return ({ name, host: source, data }) => {
    if (source !== host || data[`${kind}_id`] !== id) return undefined;
    if (name === done) return { error: undefined };
    return name === failed ? { error: String(data["error"]) } : undefined;
  };
}

/** Hosts answer a command before they carry it out; how that went is an event. */
async function commandAndEvent(client: LatticeClient, verb: string, body: unknown, judge: Judge): Promise<void> {
  const outcome = Promise.withResolvers<{ readonly error: string | undefined }>();
  using _listening = await client.listen((event) => {
    const found = judge(event);
    if (found !== undefined) outcome.resolve(found);
  });
  await client.ask(verb, body);
  const timer = setTimeout(() => {
    outcome.reject(new PetioleError("ERR_LATTICE_UNREACHABLE", `No word of "${verb}" in ${WAIT_MS / 1000} s`));
  }, WAIT_MS);
  try {
    const { error } = await outcome.promise;
    if (error !== undefined) throw new PetioleError("ERR_LATTICE_REQUEST", `"${verb}" failed: ${error}`);
  } finally {
    clearTimeout(timer);
  }
}

interface Work {
  readonly host: string;
  readonly kind: "component" | "provider";
  readonly reference: string;
}

async function findWork(client: LatticeClient, id: string, wanted: string | undefined): Promise<Work> {
  const hosts =
    wanted === undefined ? (await client.hosts()).map((host) => host.id) : [await resolveHost(client, wanted)];
  const found: Work[] = [];
  for (const { host_id: host, components, providers } of await Promise.all(hosts.map((one) => client.inventory(one)))) {
    for (const one of components) {
      if (one.id === id) found.push({ host, kind: "component", reference: one.image_ref });
    }
    for (const one of providers) {
      if (one.id === id) found.push({ host, kind: "provider", reference: one.image_ref ?? "" });
    }
  }
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const where = found.length === 0 ? "it runs on no host" : `it runs on ${found.length} hosts, name one with --host`;
  throw new PetioleError("ERR_LATTICE_REQUEST", `Cannot find "${id}": ${where}`);
}
