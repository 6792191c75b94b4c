import { join } from "node:path";
import { SOCKET_NAME } from "../adapters/control/protocol.ts";
import { loadConfig } from "../config/load.ts";
import { printable } from "./printable.ts";

/** Options of every command that asks a running agent. */
export interface AgentOptions {
  readonly config: string;
  readonly socket?: string;
  readonly json?: true;
}

/** @throws PetioleError ERR_CONFIG_UNREADABLE, ERR_CONFIG_INVALID */
export async function socketOf(options: AgentOptions): Promise<string> {
  return options.socket ?? join((await loadConfig(options.config)).config.runtime_dir, SOCKET_NAME);
}

/** What a command answers: JSON for programs, else text for people. */
export function printAnswer<T>({ json }: Pick<AgentOptions, "json">, answer: T, format: (answer: T) => string): void {
  process.stdout.write(json === true ? `${JSON.stringify(answer)}\n` : `${printable(format(answer))}\n`);
}
