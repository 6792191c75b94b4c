import { readFile } from "node:fs/promises";
import type { OciReference } from "../../../domain/artifact-reference.ts";
import { PetioleError } from "../../../domain/errors.ts";
import type { Millis } from "../../../domain/units.ts";
import { reasonOf } from "../../../lib/reason.ts";
import { createHttpClient, readAnswer, unreachable, type HttpAnswer, type HttpQuestion } from "../http.ts";
import { parseChallenges, type Challenge } from "./challenge.ts";
import { readCredentials, type Credentials, type RegistrySettings } from "./credentials.ts";

export interface RegistryOptions {
  readonly settings: RegistrySettings;
  readonly dockerConfigFile?: string | undefined;
  readonly stall: Millis;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type Rights = "pull" | "pull,push";

export interface RegistryQuestion extends Omit<HttpQuestion, "url"> {
  /** Below `/v2/<repository>/`, or a URL that the registry gave. */
  readonly path: string | URL;
  /** Statuses that the asker deals with; others are errors. */
  readonly accept: readonly number[];
}

/** One repository, with what was agreed on with its registry. Disposing it closes the connections. */
export interface RegistryClient extends Disposable {
  /** @throws PetioleError ERR_ARTIFACT_UNREACHABLE, ERR_ARTIFACT_UNAUTHORIZED, ERR_ARTIFACT_NOT_FOUND */
  ask(question: RegistryQuestion, signal: AbortSignal): Promise<HttpAnswer>;
}

const MAX_TOKEN_ANSWER = 1024 * 1024;
const MAX_ERROR_ANSWER = 64 * 1024;

/** @throws PetioleError ERR_ARTIFACT_UNAUTHORIZED when a file of the settings cannot be read */
export async function openRegistry(
  { registry, repository }: Pick<OciReference, "registry" | "repository">,
  rights: Rights,
  { settings, dockerConfigFile, stall, env }: RegistryOptions,
): Promise<RegistryClient> {
  const insecure = settings.insecure === true;
  const credentials = await readCredentials(registry, settings, dockerConfigFile);
  const ca = settings.caFile === undefined ? undefined : await readAuthorities(registry, settings.caFile);
  const http = createHttpClient({ ca, insecure, stall, env });
  // Docker's own registry answers under another name than the one it is known by.
  const host = registry === "docker.io" ? "registry-1.docker.io" : registry;
  const base = new URL(`${insecure ? "http" : "https"}://${host}/v2/${repository}/`);
  const what = `"${registry}/${repository}"`;
  let authorization = credentials.kind === "token" ? `Bearer ${credentials.token}` : undefined;

  async function ask({ path, accept, ...question }: RegistryQuestion, signal: AbortSignal): Promise<HttpAnswer> {
    const url = new URL(path, base);
    const send = (): Promise<HttpAnswer> => {
      // A registry may have uploads go elsewhere; what it gave this client to log in with stays with it.
      const own = url.origin === base.origin && authorization !== undefined ? { authorization } : undefined;
      const headers = { ...question.headers, ...own };
      return http.ask({ ...question, url, headers }, signal);
    };
    let answer = await send();
    if (answer.status === 401 && url.origin === base.origin) {
      answer.body.resume();
      const fresh = await authorize(parseChallenges(answer.headers["www-authenticate"] ?? ""), signal);
      // The same again would get the same answer.
      if (fresh !== authorization) {
        authorization = fresh;
        answer = await send();
      }
    }
    if (accept.includes(answer.status)) return answer;
    throw await refusal(answer, signal);
  }

  async function authorize(challenges: readonly Challenge[], signal: AbortSignal): Promise<string> {
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer !== undefined && credentials.kind !== "token") return `Bearer ${await fetchToken(bearer, signal)}`;
    const basic = challenges.some(({ scheme }) => scheme === "basic");
    if (basic && credentials.kind === "password") return basicOf(credentials);
    const found =
      credentials.kind === "none"
        ? "it wants credentials, and none are configured"
        : `it does not take a ${credentials.kind} such as the configured one`;
    throw new PetioleError("ERR_ARTIFACT_UNAUTHORIZED", `Cannot use ${what}: ${found}`);
  }

  /** https://distribution.github.io/distribution/spec/auth/token/, and oauth for identity tokens. */
  async function fetchToken({ parameters }: Challenge, signal: AbortSignal): Promise<string> {
    const realm = URL.parse(parameters["realm"] ?? "");
    if (realm === null || (realm.protocol !== "https:" && !(insecure && realm.protocol === "http:"))) {
      const found = `found "${parameters["realm"] ?? ""}", want an https URL`;
      throw new PetioleError("ERR_ARTIFACT_UNAUTHORIZED", `Cannot ask for a token for ${what}: ${found}`);
    }
    const service = parameters["service"];
    const wanted = { ...(service === undefined ? {} : { service }), scope: `repository:${repository}:${rights}` };
    const answer = await http.ask(tokenQuestion(realm, wanted, credentials), signal);
    const text = (await readAnswer(answer, MAX_TOKEN_ANSWER, signal)).toString();
    if (answer.status >= 500 || answer.status === 429)
      throw unreachable(realm, new Error(`it answered ${answer.status}`));
    if (answer.status !== 200) {
      const found = `"${realm.host}" gives no token (${answer.status})${firstError(text)}`;
      throw new PetioleError("ERR_ARTIFACT_UNAUTHORIZED", `Cannot use ${what}: ${found}`);
    }
    const token = parseToken(text);
    if (token !== undefined) return token;
    throw new PetioleError(
      "ERR_ARTIFACT_UNAUTHORIZED",
      `Cannot use ${what}: the answer of "${realm.host}" has no token`,
    );
  }

  async function refusal(answer: HttpAnswer, signal: AbortSignal): Promise<PetioleError> {
    const { status } = answer;
    const text = await readAnswer(answer, MAX_ERROR_ANSWER, signal).then(String, () => "");
    const said = `the registry answered ${status}${firstError(text)}`;
    if (status === 401 || status === 403) {
      const hint = status === 401 && credentials.kind === "none" ? ", and no credentials are configured" : "";
      return new PetioleError("ERR_ARTIFACT_UNAUTHORIZED", `Cannot use ${what}: ${said}${hint}`);
    }
    if (status === 404) return new PetioleError("ERR_ARTIFACT_NOT_FOUND", `Cannot find it in ${what}: ${said}`);
    return new PetioleError("ERR_ARTIFACT_UNREACHABLE", `Cannot use ${what}: ${said}`);
  }

  return { ask, [Symbol.dispose]: () => http[Symbol.dispose]() };
}

async function readAuthorities(registry: string, file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const found = `Cannot read the authorities for "${registry}" from "${file}": ${reasonOf(cause)}`;
    throw new PetioleError("ERR_ARTIFACT_UNAUTHORIZED", found, { cause });
  }
}

function tokenQuestion(realm: URL, wanted: Record<string, string>, credentials: Credentials): HttpQuestion {
  if (credentials.kind === "identity") {
    const form = { ...wanted, grant_type: "refresh_token", refresh_token: credentials.token, client_id: "petiole" };
    return {
      method: "POST",
      url: realm,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new TextEncoder().encode(new URLSearchParams(form).toString()),
    };
  }
  const url = new URL(realm);
  for (const [name, value] of Object.entries(wanted)) url.searchParams.append(name, value);
  return {
    method: "GET",
    url,
    headers: credentials.kind === "password" ? { authorization: basicOf(credentials) } : {},
  };
}

const basicOf = ({ user, password }: { readonly user: string; readonly password: string }): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

function parseToken(text: string): string | undefined {
  const answer = parseJson(text);
  return [answer?.["token"], answer?.["access_token"]]
    .filter((one) => typeof one === "string")
    .find((one) => one !== "");
}

/** `: message` of the first error in a registry's answer, or nothing. */
function firstError(text: string): string {
  const errors = parseJson(text)?.["errors"];
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  const { code, message } = typeof first === "object" && first !== null ? (first as Record<string, unknown>) : {};
  const said = [code, message].filter((one) => typeof one === "string" && one !== "");
  return said.length === 0 ? "" : `: ${said.join(": ")}`;
}

function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
