// The messages of package wasmcloud.runtime.v2 as the operator writes and reads them: with Go's protojson. Written from the
// definitions of the messages, and knows nothing of how petiole does it.
//
// Reading is strict: a field that is not known, or of another type, fails the whole message, and so does an empty body.
// Writing takes every liberty that a writer has: either spelling of a field, white space anywhere, enums by name or number,
// 64-bit numbers as text or numbers, fields with zero values there or not, in any order.

type Scalar = "string" | "bool" | "int32" | "uint32" | "uint64" | "float" | "timestamp";
type Type =
  | Scalar
  | { readonly repeated: Type }
  | { readonly map: "string" }
  | { readonly enum: readonly string[] }
  | { readonly message: () => Fields };
/** By their names in the definitions: snake_case. */
type Fields = Readonly<Record<string, Type>>;

const witInterface: Fields = {
  namespace: "string",
  package: "string",
  version: "string",
  interfaces: { repeated: "string" },
  config: { map: "string" },
  name: "string",
};

export const HOST_HEARTBEAT: Fields = {
  id: "string",
  hostname: "string",
  friendly_name: "string",
  version: "string",
  labels: { map: "string" },
  started_at: "timestamp",
  os_arch: "string",
  os_name: "string",
  os_kernel: "string",
  system_cpu_usage: "float",
  system_memory_total: "uint64",
  system_memory_free: "uint64",
  component_count: "uint64",
  workload_count: "uint64",
  imports: { repeated: { message: () => witInterface } },
  exports: { repeated: { message: () => witInterface } },
  http_port: "uint32",
  environment: "string",
};

const WORKLOAD_STATES = ["UNSPECIFIED", "STARTING", "RUNNING", "COMPLETED", "STOPPING", "ERROR", "NOT_FOUND"].map(
  (name) => `WORKLOAD_STATE_${name}`,
);

const workloadStatus: Fields = {
  workload_id: "string",
  workload_state: { enum: WORKLOAD_STATES },
  message: "string",
};

export const STATUS_RESPONSE: Fields = { workload_status: { message: () => workloadStatus } };

const imagePullSecret: Fields = { username: "string", password: "string" };
const imagePullPolicy: Type = {
  enum: ["UNSPECIFIED", "ALWAYS", "IF_NOT_PRESENT", "NEVER"].map((name) => `IMAGE_PULL_POLICY_${name}`),
};

const localResources: Fields = {
  memory_limit_mb: "int32",
  cpu_limit: "int32",
  config: { map: "string" },
  environment: { map: "string" },
  volume_mounts: { repeated: { message: () => ({ name: "string", mount_path: "string", read_only: "bool" }) } },
  allowed_hosts: { repeated: "string" },
  allowed_ip_name_lookups: { repeated: "string" },
  allowed_host_loopback_ports: { repeated: "string" },
};

const component: Fields = {
  image: "string",
  local_resources: { message: () => localResources },
  pool_size: "int32",
  max_invocations: "int32",
  image_pull_secret: { message: () => imagePullSecret },
  name: "string",
  image_pull_policy: imagePullPolicy,
  max_concurrency: "int32",
};

const workload: Fields = {
  namespace: "string",
  name: "string",
  annotations: { map: "string" },
  service: {
    message: () => ({
      image: "string",
      local_resources: { message: () => localResources },
      max_restarts: "uint64",
      image_pull_secret: { message: () => imagePullSecret },
      image_pull_policy: imagePullPolicy,
    }),
  },
  wit_world: {
    message: () => ({
      components: { repeated: { message: () => component } },
      host_interfaces: { repeated: { message: () => witInterface } },
    }),
  },
  volumes: {
    repeated: {
      message: () => ({
        name: "string",
        host_path: { message: () => ({ local_path: "string" }) },
        empty_dir: { message: () => ({}) },
      }),
    },
  },
};

export const START_REQUEST: Fields = { workload: { message: () => workload }, workload_id: "string" };
export const ID_REQUEST: Fields = { workload_id: "string" };

export const jsonName = (name: string): string =>
  name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Reads as the operator does. @throws Error for what it would not take */
export function readMessage(fields: Fields, text: string): Record<string, unknown> {
  if (text.trim() === "") throw new Error("an empty body");
  for (const [key, count] of repeatedKeys(text)) if (count > 1) throw new Error(`the field ${key} twice`);
  return readFields(fields, JSON.parse(text), "");
}

/** Keys that stand twice in one object: what JSON.parse() does not tell. */
function repeatedKeys(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  const open: number[] = [];
  let serial = 0;
  for (const [token, key] of text.matchAll(/"((?:[^"\\]|\\.)*)"\s*:|"(?:[^"\\]|\\.)*"|[{}]/g)) {
    if (token === "{") open.push(serial++);
    else if (token === "}") open.pop();
    else if (key !== undefined) counts.set(`${open.at(-1)} ${key}`, (counts.get(`${open.at(-1)} ${key}`) ?? 0) + 1);
  }
  return counts;
}

function readFields(fields: Fields, value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${path}: no object`);
  const byName = new Map(
    Object.keys(fields).flatMap((name) => [[name, name] as const, [jsonName(name), name] as const]),
  );
  const read: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    const name = byName.get(key);
    if (name === undefined) throw new Error(`unknown field "${path}.${key}"`);
    if (inner !== null) read[jsonName(name)] = readValue(fields[name] as Type, inner, `${path}.${key}`);
  }
  return read;
}

function readValue(type: Type, value: unknown, path: string): unknown {
  const fail = (): never => {
    throw new Error(`${path}: found ${JSON.stringify(value)}, want ${JSON.stringify(type)}`);
  };
  const scalar = (fits: boolean): unknown => (fits ? value : fail());
  if (typeof type === "object") {
    if ("message" in type) return readFields(type.message(), value, path);
    if ("repeated" in type) {
      return Array.isArray(value) ? value.map((one, i) => readValue(type.repeated, one, `${path}[${i}]`)) : fail();
    }
    if ("enum" in type) return typeof value === "string" && type.enum.includes(value) ? value : fail();
    if (typeof value !== "object" || value === null || Array.isArray(value)) return fail();
    return Object.values(value).every((one) => typeof one === "string") ? value : fail();
  }
  if (type === "string") return scalar(typeof value === "string");
  if (type === "bool") return scalar(typeof value === "boolean");
  if (type === "float") return scalar(typeof value === "number");
  if (type === "timestamp") return scalar(typeof value === "string" && TIMESTAMP.test(value));
  if (type !== "uint64") return scalar(Number.isInteger(value));
  // A number would be taken too, but 64 bits do not fit one: hosts write text.
  return typeof value === "string" && /^\d{1,20}$/.test(value) ? BigInt(value) : fail();
}

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

/** A source of chance that gives the same again. */
export function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Writes a message, given by JSON names, in one of the ways that are allowed. */
export function writeMessage(fields: Fields, value: Readonly<Record<string, unknown>>, random: () => number): string {
  const space = (): string => ["", "", " ", "  ", "\n\t"][Math.floor(random() * 5)] ?? "";
  const written = Object.entries(fields)
    .filter(([name]) => value[jsonName(name)] !== undefined)
    .map(([name, type]) => {
      const key = random() < 0.5 ? name : jsonName(name);
      return {
        order: random(),
        text: `${space()}"${key}":${space()}${writeValue(type, value[jsonName(name)], random)}`,
      };
    })
    .sort((a, b) => a.order - b.order);
  return `{${written.map(({ text }) => text).join(`${space()},`)}${space()}}`;
}

function writeValue(type: Type, value: unknown, random: () => number): string {
  if (typeof type === "object") {
    if ("message" in type) return writeMessage(type.message(), value as Record<string, unknown>, random);
    if ("repeated" in type) {
      return `[${(value as unknown[]).map((one) => writeValue(type.repeated, one, random)).join(" ,")}]`;
    }
    if ("enum" in type && random() < 0.5) return String(type.enum.indexOf(value as string));
    return JSON.stringify(value);
  }
  if (type === "uint64") return `"${String(value)}"`;
  return type.endsWith("int32") && random() < 0.3 ? `"${String(value)}"` : JSON.stringify(value);
}
