// What a new version is asked before it becomes the current one: the running agent starts it as `petiole agent preflight`.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { z } from "zod";
import { STORE_SCHEMA, tryStore } from "../../adapters/store/index.ts";
import { PetioleError } from "../../domain/errors.ts";
import { VERSION } from "../../domain/version.ts";
import { minutes } from "../../domain/units.ts";
import { reasonOf } from "../../lib/reason.ts";

const answerSchema = z.object({
  petiole: z.string(),
  /** Schema of the store that it makes, and the oldest one whose petiole can use that. */
  store: z.object({ version: z.int(), readableFrom: z.int() }),
});

/** A device that has to read all of a large executable from a card for the first time is slow. */
const PATIENCE = minutes(3);
const MAX_OUTPUT = 1024 * 1024;

/** What this petiole answers, once its parts have turned out to work. */
export function ownPreflight(): z.output<typeof answerSchema> {
  tryStore();
  return { petiole: VERSION, store: STORE_SCHEMA };
}

/**
 * Starts an executable once, and looks whether it could take over from this agent and give back to it.
 * @throws PetioleError ERR_RELEASE_UNFIT; the signal's reason
 */
export async function askPreflight(
  executable: string,
  { version, config, signal }: { readonly version: string; readonly config: string; readonly signal: AbortSignal },
): Promise<void> {
  const unfit = (found: string, cause?: unknown): PetioleError =>
    new PetioleError("ERR_RELEASE_UNFIT", `Cannot update to version ${version}: ${found}`, { cause });
  let output: string;
  try {
    const options = { timeout: PATIENCE, maxBuffer: MAX_OUTPUT, killSignal: "SIGKILL" as const, signal };
    output = (await promisify(execFile)(executable, ["agent", "preflight", "--config", config], options)).stdout;
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw unfit(`it does not work here: ${describeFailure(cause)}`, cause);
  }
  const parsed = answerSchema.safeParse(parseJson(output));
  if (!parsed.success) throw unfit(`it answers "${output.slice(0, 80)}", want JSON about itself`);
  const { petiole, store } = parsed.data;
  if (petiole !== version) throw unfit(`it says that it is ${petiole}`);
  if (store.version < STORE_SCHEMA.readableFrom) {
    throw unfit(`it knows the store up to schema ${store.version}, this one is ${STORE_SCHEMA.version}`);
  }
  if (store.readableFrom > STORE_SCHEMA.version) {
    throw unfit(
      `its store could not be read by ${VERSION} if it had to go back; install a version between the two first`,
    );
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a program says before it ends says more than with what code it does. */
function describeFailure(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const said = "stderr" in cause && typeof cause.stderr === "string" ? cause.stderr.trim().slice(0, 300) : "";
  const killed = "killed" in cause && cause.killed === true ? `no answer in ${PATIENCE / 1000} s` : undefined;
  if (killed !== undefined) return killed;
  return said === "" ? reasonOf(cause) : said;
}
