import { readFile } from "node:fs/promises";
import { z } from "zod";
import { PetioleError } from "../../../domain/errors.ts";
import { reasonOf } from "../../../lib/reason.ts";

/** How one registry is reached. */
export interface RegistrySettings {
  readonly user?: string | undefined;
  /** Goes before the file. */
  readonly password?: string | undefined;
  readonly passwordFile?: string | undefined;
  /** With a token that is sent as it is. */
  readonly tokenFile?: string | undefined;
  /** Authorities to trust instead of the system's. */
  readonly caFile?: string | undefined;
  /** Plain http. */
  readonly insecure?: boolean | undefined;
}

export type Credentials =
  | { readonly kind: "none" }
  | { readonly kind: "password"; readonly user: string; readonly password: string }
  | { readonly kind: "token"; readonly token: string }
  /** Exchanged for a token at the server that the registry names. */
  | { readonly kind: "identity"; readonly token: string };

/** Docker's `config.json`, as far as it is used. */
const dockerConfig = z.object({
  auths: z
    .record(
      z.string(),
      z.object({
        auth: z.string().optional(),
        username: z.string().optional(),
        password: z.string().optional(),
        identitytoken: z.string().optional(),
        registrytoken: z.string().optional(),
      }),
    )
    .default({}),
});

/**
 * The credentials for a registry: of its settings, else of docker's file. Files are read each time, so that a renewed one
 * is taken up.
 * @throws PetioleError ERR_ARTIFACT_UNAUTHORIZED when a file that is named cannot be used
 */
export async function readCredentials(
  registry: string,
  settings: RegistrySettings,
  dockerConfigFile: string | undefined,
): Promise<Credentials> {
  if (settings.tokenFile !== undefined && settings.password === undefined)
    return { kind: "token", token: await readSecret(registry, settings.tokenFile) };
  if (settings.user !== undefined && settings.password !== undefined) {
    return { kind: "password", user: settings.user, password: settings.password };
  }
  if (settings.user !== undefined && settings.passwordFile !== undefined) {
    const password = await readSecret(registry, settings.passwordFile);
    return { kind: "password", user: settings.user, password };
  }
  if (dockerConfigFile === undefined) return { kind: "none" };
  return dockerCredentials(await readSecret(registry, dockerConfigFile), registry, dockerConfigFile);
}

function dockerCredentials(text: string, registry: string, file: string): Credentials {
  let auths: z.output<typeof dockerConfig>["auths"];
  try {
    ({ auths } = dockerConfig.parse(JSON.parse(text)));
  } catch (cause) {
    throw unusable(registry, file, cause);
  }
  const entry = Object.entries(auths).find(([key]) => registryOfKey(key) === registry)?.[1];
  if (entry === undefined) return { kind: "none" };
  if (entry.registrytoken !== undefined) return { kind: "token", token: entry.registrytoken };
  if (entry.identitytoken) return { kind: "identity", token: entry.identitytoken };
  const pair = entry.auth === undefined ? "" : Buffer.from(entry.auth, "base64").toString();
  const colon = pair.indexOf(":");
  const user = entry.username ?? pair.slice(0, Math.max(0, colon));
  const password = entry.password ?? pair.slice(colon + 1);
  return user === "" && password === "" ? { kind: "none" } : { kind: "password", user, password };
}

/** Docker writes `https://index.docker.io/v1/` for its own registry, and for others a host or a URL. */
function registryOfKey(key: string): string {
  const host = key.replace(/^https?:\/\//, "").split("/", 1)[0] ?? "";
  return host === "index.docker.io" ? "docker.io" : host;
}

async function readSecret(registry: string, file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).trim();
  } catch (cause) {
    throw unusable(registry, file, cause);
  }
}

function unusable(registry: string, file: string, cause: unknown): PetioleError {
  return new PetioleError(
    "ERR_ARTIFACT_UNAUTHORIZED",
    `Cannot read the credentials for "${registry}" from "${file}": ${reasonOf(cause)}`,
    { cause },
  );
}
