import { basename, join, resolve } from "node:path";
import { askAgent } from "../../adapters/control/client.ts";
import { SOCKET_NAME } from "../../adapters/control/protocol.ts";
import { loadConfig } from "../../config/load.ts";
import type { Config } from "../../config/schema.ts";
import { loadTrustPolicy } from "../../daemon/trust-policy.ts";
import { PetioleError, isPetioleError } from "../../domain/errors.ts";
import { UNTRUSTED, type TrustMemoryReport } from "../../domain/trust.ts";
import { VERSION } from "../../domain/version.ts";
import { judge, type TrustPolicy, type Verdict } from "../../trust/judge.ts";
import { KINDS_OF } from "../../trust/keys.ts";
import { readEvidence } from "../../trust/read-evidence.ts";
import { formatTable } from "../table.ts";
import { readComponentBytes } from "../../trust/component-bytes.ts";
import { readPublicKey } from "../../trust/key-files.ts";

export interface VerifyOptions {
  readonly config?: string;
  readonly key?: readonly string[];
  readonly name?: string;
  readonly json?: true;
}

/** `petiole verify`. @throws PetioleError ERR_TRUST_… when the component is not trusted */
export async function verify(file: string, options: VerifyOptions): Promise<void> {
  const { policy, config } = await policyOf(options);
  const name = options.name ?? nameOf(file, config);
  const { bytes, digest } = await readComponentBytes(file);
  const device = config === undefined ? undefined : await askDevice(config);
  const verdict = judge(
    { name, digest, size: bytes.byteLength },
    await readEvidence(file, bytes, policy.keys),
    policy,
    {
      // Without a device to ask, the clock of this machine counts as right.
      now: { wall: Date.now(), synced: device?.clockSynced ?? true },
      agent: VERSION,
      memory: device && { names: new Map(Object.entries(device.names)), digests: device.digests },
    },
  );
  const report = { file, name, digest, mode: policy.mode, deviceAsked: device !== undefined, ...verdict };
  process.stdout.write(options.json === true ? `${JSON.stringify(report)}\n` : format(report));
  if (verdict.trusted) return;
  throw new PetioleError(UNTRUSTED[verdict.reason], `"${file}" is not trusted (${verdict.reason}): ${verdict.detail}`);
}

async function policyOf(
  options: VerifyOptions,
): Promise<{ readonly policy: TrustPolicy; readonly config: Config | undefined }> {
  if (options.config === undefined) return { policy: await policyOfKeys(options.key ?? []), config: undefined };
  const { config } = await loadConfig(options.config);
  if (config.trust !== undefined) return { policy: await loadTrustPolicy(config.trust), config };
  throw new PetioleError(
    "ERR_CONFIG_INVALID",
    `Cannot verify by "${options.config}": it has no trust policy, and its device runs every component`,
  );
}

async function policyOfKeys(files: readonly string[]): Promise<TrustPolicy> {
  const read = await Promise.all(files.map(async (name) => ({ ...(await readPublicKey(name)), name })));
  const keys = [...Map.groupBy(read, ({ id }) => id).values()].flatMap(([first]) =>
    first === undefined ? [] : [{ ...first, kinds: KINDS_OF[first.algorithm] }],
  );
  return { mode: "enforce", digests: [], keys, threshold: 1, allowDowngrade: false, unsyncedClock: "allow" };
}

/** The name by which the configuration runs the file. */
function nameOf(file: string, config: Config | undefined): string {
  const found = Object.entries(config?.components ?? {}).find(([, spec]) => spec.file === resolve(file));
  if (found === undefined) return basename(file).replace(/\.wasm$/, "");
  const [id, { signed_name: signedName }] = found;
  return signedName ?? id;
}

/** What the running agent remembers; undefined when none answers. */
async function askDevice({ runtime_dir: folder }: Config): Promise<TrustMemoryReport | undefined> {
  try {
    return await askAgent(join(folder, SOCKET_NAME), "trust-memory");
  } catch (error) {
    if (isPetioleError(error, "ERR_CONTROL_UNREACHABLE")) return undefined;
    throw error;
  }
}

type Report = Verdict & {
  readonly file: string;
  readonly name: string;
  readonly digest: string;
  readonly mode: string;
  readonly deviceAsked: boolean;
};

function format(report: Report): string {
  const { file, name, digest, mode, deviceAsked, findings, signers } = report;
  const version = report.trusted && report.accepted.version !== undefined ? ` ${report.accepted.version}` : "";
  const by = signers.length === 0 ? "its digest is listed" : `signed by ${signers.join(", ")}`;
  const lines = [
    `${file}: ${report.trusted ? `trusted as ${name}${version}, ${by}` : `not trusted as ${name} (${report.reason})`}`,
    `${digest}, policy mode ${mode}`,
  ];
  if (!deviceAsked) lines.push("No device was asked what it accepted before: a downgrade would not be seen.");
  if (!report.trusted) lines.push(report.detail);
  if (findings.length > 0) {
    const rows = findings.map(({ kind, reason, detail }) => [kind, reason, detail]);
    lines.push("", formatTable([["EVIDENCE", "DOES NOT COUNT", "BECAUSE"], ...rows]));
  }
  return `${lines.join("\n")}\n`;
}
