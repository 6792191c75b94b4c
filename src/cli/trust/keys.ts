import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { resolve } from "node:path";
import { loadConfig } from "../../config/load.ts";
import { loadTrustPolicy } from "../../daemon/trust-policy.ts";
import { PetioleError } from "../../domain/errors.ts";
import { nkeyOf, parsePrivateKey, parsePublicKey, publicHalf, seedOf, type PublicKey } from "../../trust/keys.ts";
import { encodeAccountSeed } from "../../trust/nkey.ts";
import { formatTable } from "../table.ts";
import { readKeyFile, writeNewFile } from "../../trust/key-files.ts";

export interface GenerateOptions {
  readonly out: string;
  readonly form: "pem" | "nkey";
  readonly json?: true;
}

/** `petiole keys generate` */
export async function keysGenerate({ out, form, json }: GenerateOptions): Promise<void> {
  const file = resolve(out);
  const { privateKey } = generateKeyPairSync("ed25519");
  const key = publicHalf(privateKey);
  await writeNewFile(file, form === "pem" ? pemOf(privateKey) : `${encodeAccountSeed(seedOf(privateKey))}\n`, 0o600);
  await writeNewFile(`${file}.pub`, form === "pem" ? publicPemOf(key) : `${nkeyOf(key)}\n`, 0o644);
  const report = { private: file, public: `${file}.pub`, ...describe(key) };
  print(json, report, () =>
    [
      `${report.private}: private key, for its owner alone`,
      `${report.public}: public key, for the devices`,
      `  ${key.id}`,
      `  ${nkeyOf(key)}`,
    ].join("\n"),
  );
}

export interface ShowOptions {
  readonly private?: true;
  readonly json?: true;
}

/** `petiole keys show` */
export async function keysShow(file: string, options: ShowOptions): Promise<void> {
  const text = await readKeyFile(file);
  const secret = parsePrivateKey(text);
  const key = secret === undefined ? parsePublicKey(text) : publicHalf(secret);
  if (key === undefined) {
    throw new PetioleError("ERR_SIGN_KEY", `Cannot show "${file}": found no key that petiole knows`);
  }
  if (options.private === true && secret === undefined) {
    throw new PetioleError("ERR_SIGN_KEY", `Cannot show the private key of "${file}": it holds a public key only`);
  }
  const shown =
    options.private === true && secret !== undefined
      ? { private: { pem: pemOf(secret), seed: encodeAccountSeed(seedOf(secret)) } }
      : {};
  const report = { file, ...describe(key), ...shown };
  print(options.json, report, () => {
    const { algorithm, id, nkey, pem } = report;
    const lines = [`${file}: ${secret === undefined ? "public" : "private"} key, ${algorithm}`, `  ${id}`];
    if (nkey !== undefined) lines.push(`  ${nkey}`);
    lines.push(pem.trimEnd());
    if (report.private !== undefined) lines.push(report.private.seed, report.private.pem.trimEnd());
    return lines.join("\n");
  });
}

/** `petiole keys list` */
export async function keysList({
  config: file,
  json,
}: {
  readonly config: string;
  readonly json?: true;
}): Promise<void> {
  const { config } = await loadConfig(file);
  const policy = config.trust === undefined ? undefined : await loadTrustPolicy(config.trust);
  const report = {
    mode: policy?.mode ?? "off",
    threshold: policy?.threshold ?? 1,
    digests: policy?.digests ?? [],
    keys: (policy?.keys ?? []).map((key) => ({ name: key.name, kinds: key.kinds, ...describe(key) })),
  };
  print(json, report, () => {
    const { mode, threshold, digests, keys } = report;
    const rows = keys.map(({ name, kinds, id, nkey }) => [name, kinds.join(", "), id, nkey ?? "-"]);
    const table = rows.length === 0 ? "no keys" : formatTable([["KEY", "SIGNS", "ID", "NKEY"], ...rows]);
    const head = `mode ${mode}, ${threshold} of ${keys.length} keys needed, ${digests.length} listed digests`;
    return [head, table, ...digests].join("\n");
  });
}

interface KeyReport {
  readonly algorithm: string;
  readonly id: string;
  readonly nkey: string | undefined;
  readonly pem: string;
}

const describe = (key: PublicKey): KeyReport => ({
  algorithm: key.algorithm,
  id: key.id,
  nkey: nkeyOf(key),
  pem: publicPemOf(key),
});

const pemOf = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" });
const publicPemOf = ({ key }: PublicKey): string => key.export({ type: "spki", format: "pem" });

function print(json: true | undefined, report: object, format: () => string): void {
  process.stdout.write(json === true ? `${JSON.stringify(report)}\n` : `${format()}\n`);
}
