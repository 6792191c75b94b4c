import { askAgent } from "../../adapters/control/client.ts";
import { PetioleError } from "../../domain/errors.ts";
import type { Lane } from "../../domain/outbox.ts";
import { mebibytes, seconds, type Millis } from "../../domain/units.ts";
import { readRegularFile, UnsuitableFile } from "../../lib/files.ts";
import { reasonOf } from "../../lib/reason.ts";
import { printAnswer, socketOf, type AgentOptions } from "../agent-socket.ts";

export interface PublishOptions extends AgentOptions {
  readonly lane: Lane;
  /** `-` is standard input. */
  readonly file: string;
  readonly header: Readonly<Record<string, string>>;
  readonly ttl?: Millis;
}

/** What a request on the control socket has room for. */
const MAX_BODY = mebibytes(1);
/** A slow card may take its time for a flush. */
const PATIENCE = seconds(30);

/** `petiole outbox publish`. `fail` says what is wrong with the command line. */
export async function outboxPublish(
  subject: string,
  options: PublishOptions,
  fail: (message: string) => never,
): Promise<void> {
  const { lane, header, ttl } = options;
  const socket = await socketOf(options);
  const body = (options.file === "-" ? await readInput() : await readBody(options.file, fail)).toString("base64");
  const params = { lane, subject, headers: header, body, ttl };
  const receipt = await askAgent(socket, "outbox-publish", { params, timeout: PATIENCE });
  printAnswer(options, receipt, ({ outcome, seq }) => `${outcome}, sequence ${seq}`);
}

async function readBody(file: string, fail: (message: string) => never): Promise<Buffer> {
  try {
    const { bytes } = await readRegularFile(file, { maxSize: MAX_BODY });
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } catch (error) {
    if (error instanceof UnsuitableFile && error.reason === "too-large") throw tooLarge(file, error);
    return fail(`error: cannot read "${file}": ${reasonOf(error)}`);
  }
}

async function readInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    // Without an encoding, standard input gives bytes.
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > MAX_BODY) throw tooLarge("standard input");
  }
  return Buffer.concat(chunks);
}

function tooLarge(what: string, cause?: unknown): PetioleError {
  return new PetioleError("ERR_OUTBOX_TOO_LARGE", `Cannot publish "${what}": it is larger than ${MAX_BODY} bytes`, {
    cause,
  });
}
