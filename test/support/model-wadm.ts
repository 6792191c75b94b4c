// wadm's API for one lattice, in memory: what it answers, and how its states follow one another. That it is like wadm itself
// is what `test/interop/wadm.ts` checks.

import { connect, type Msg } from "@nats-io/transport-node";
import { parse } from "yaml";

type Json = Readonly<Record<string, unknown>>;

interface Stored {
  readonly versions: { readonly version: string; readonly manifest: Json }[];
  deployed: string | undefined;
  status: { readonly type: string; readonly message: string };
  next: readonly string[];
}

export interface ModelWadm extends AsyncDisposable {
  /** Operations in the order in which they came, such as `deploy.thermo`. */
  readonly asked: readonly string[];
  /** The states that it tells next, one each time it is asked; the last one stays. */
  tellNext(name: string, types: readonly string[]): void;
  /** What wadm makes of an application from now on. */
  setStatus(name: string, type: string, message?: string): void;
}

export async function startModelWadm(url: string, lattice: string): Promise<ModelWadm> {
  const live = await connect({ servers: url });
  const prefix = `wadm.api.${lattice}.model.`;
  const all = new Map<string, Stored>();
  const asked: string[] = [];
  let made = 0;

  const statusOf = ({ status }: Stored): Json => ({
    status,
    scalers: [{ id: "1", kind: "SpreadScaler", name: "part", status }],
    version: "",
    components: [],
  });
  const bodyOf = (message: Msg): Json => (message.data.length === 0 ? {} : message.json<Json>());

  function put(text: string): Json {
    const raw = parse(text) as { metadata: { name: string; annotations: Record<string, string> } } | null;
    if (raw?.metadata?.annotations === undefined) return { result: "error", message: "Unable to parse manifest" };
    const { name, annotations } = raw.metadata;
    const version = annotations["version"] ?? `01MADE${++made}`;
    const known = all.get(name) ?? {
      versions: [],
      deployed: undefined,
      status: { type: "undeployed", message: "" },
      next: [],
    };
    if (known.versions.some((one) => one.version === version)) {
      return { result: "error", message: `Manifest version ${version} already exists` };
    }
    const metadata = { ...raw.metadata, annotations: { ...annotations, version } };
    known.versions.push({ version, manifest: { ...raw, metadata } });
    const result = all.has(name) ? "newversion" : "created";
    all.set(name, known);
    return { result, name, total_versions: known.versions.length, current_version: version, message: "" };
  }

  function answer(operation: string, name: string, message: Msg): unknown {
    if (operation === "put") return put(message.string());
    if (operation === "get" && name === "") {
      const models = [...all].map(([key, stored]) => ({
        name: key,
        version: stored.versions.at(-1)?.version,
        description: null,
        deployed_version: stored.deployed ?? null,
        detailed_status: statusOf(stored),
        status: stored.status.type,
        status_message: null,
      }));
      return { result: "success", message: "", models };
    }
    const stored = all.get(name);
    const { version } = bodyOf(message) as { version?: string };
    const found = stored?.versions.findLast((one) => version === undefined || one.version === version);
    switch (operation) {
      case "get":
        return found === undefined
          ? { result: "notfound", message: "" }
          : { result: "success", message: "", manifest: found.manifest };
      case "versions": {
        if (stored === undefined) return { result: "notfound", message: "", versions: [] };
        const versions = stored.versions.map((one) => ({
          version: one.version,
          deployed: one.version === stored.deployed,
        }));
        return { result: "success", message: "", versions };
      }
      case "status": {
        if (stored === undefined) return { result: "notfound", message: "" };
        const [type, ...rest] = stored.next;
        if (type !== undefined) stored.status = { type, message: "" };
        stored.next = rest;
        return { result: "ok", message: "", status: statusOf(stored) };
      }
      case "deploy":
        if (stored === undefined || found === undefined) return { result: "notfound", message: "", name: "" };
        stored.deployed = found.version;
        return { result: "acknowledged", message: "", name, version: found.version };
      case "undeploy":
        if (stored === undefined) return { result: "notfound", message: "", name };
        stored.deployed = undefined;
        stored.status = { type: "undeployed", message: "" };
        return { result: "acknowledged", message: "", name };
      case "del":
        return { result: all.delete(name) ? "deleted" : "noop", message: "", undeploy: false };
      default:
        return { result: "error", message: `Unsupported operation ${operation}` };
    }
  }

  live.subscribe(`${prefix}>`, {
    callback: (_error, message) => {
      const [operation = "", ...rest] = message.subject.slice(prefix.length).split(".");
      asked.push([operation, ...rest].join("."));
      message.respond(JSON.stringify(answer(operation, rest.join("."), message)));
    },
  });
  await live.flush();
  return {
    asked,
    tellNext(name, types) {
      const stored = all.get(name);
      if (stored !== undefined) stored.next = types;
    },
    setStatus(name, type, message = "") {
      const stored = all.get(name);
      if (stored !== undefined) stored.status = { type, message };
    },
    [Symbol.asyncDispose]: () => live.close(),
  };
}
