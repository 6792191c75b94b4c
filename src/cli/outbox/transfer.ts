import { resolve } from "node:path";
import { askAgent } from "../../adapters/control/client.ts";
import type { Lane } from "../../domain/outbox.ts";
import type { TransferProgress } from "../../domain/outbox-report.ts";
import { seconds } from "../../domain/units.ts";
import { printAnswer, socketOf, type AgentOptions } from "../agent-socket.ts";
import { createProgress } from "../progress.ts";
import { formatExport, formatImport } from "./transfer-text.ts";

export interface ExportOptions extends AgentOptions {
  readonly dryRun?: true;
  readonly lane?: readonly Lane[];
}

export interface ImportOptions extends AgentOptions {
  readonly dryRun?: true;
}

/** Flushing a slow stick says nothing for long. */
const PATIENCE = seconds(300);

/** `petiole outbox export` */
export async function outboxExport(file: string, options: ExportOptions): Promise<void> {
  using progress = createProgress(options.json === true);
  const answer = await askAgent(await socketOf(options), "outbox-export", {
    params: { file: resolve(file), dryRun: options.dryRun === true, lanes: options.lane },
    onProgress: (step) => progress.show(describe(step)),
    timeout: PATIENCE,
  });
  progress[Symbol.dispose]();
  printAnswer(options, answer, (report) => formatExport(report, Date.now()));
}

/** `petiole outbox import` */
export async function outboxImport(file: string, options: ImportOptions): Promise<void> {
  using progress = createProgress(options.json === true);
  const answer = await askAgent(await socketOf(options), "outbox-import", {
    params: { file: resolve(file), dryRun: options.dryRun === true },
    onProgress: (step) => progress.show(describe(step)),
    timeout: PATIENCE,
  });
  progress[Symbol.dispose]();
  printAnswer(options, answer, (report) => formatImport(report));
}

function describe({ stage, rows }: TransferProgress): string {
  return `${stage}: ${rows} messages`;
}
