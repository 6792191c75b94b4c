import { join } from "node:path";
import { askAgent } from "../adapters/control/client.ts";
import { SOCKET_NAME } from "../adapters/control/protocol.ts";
import { loadConfig } from "../config/load.ts";
import { examine, type Examination } from "../doctor/examine.ts";
import { worstLevel, type Finding } from "../doctor/finding.ts";
import { formatAfter, type Event } from "../doctor/forecast.ts";
import { openMachine } from "../doctor/machine.ts";
import { isPetioleError } from "../domain/errors.ts";
import { millis, type Millis } from "../domain/units.ts";
import { probeAddressSpace } from "../runtime/address-space.ts";
import { printAnswer, type AgentOptions } from "./agent-socket.ts";
import { EXIT } from "./exit-codes.ts";
import { formatAge, formatTable } from "./table.ts";

export interface DoctorOptions extends AgentOptions {
  readonly offline?: Millis;
}

/** `petiole doctor`: ends with 3 when it found a fault. */
export async function doctor(options: DoctorOptions): Promise<void> {
  const { config } = await loadConfig(options.config);
  const socket = options.socket ?? join(config.runtime_dir, SOCKET_NAME);
  const [status, outbox] = await Promise.all([askIfThere(socket, "status"), askIfThere(socket, "outbox")]);
  const answer = await examine(
    {
      machine: openMachine(),
      config,
      status,
      outbox,
      self: { uid: process.geteuid?.() ?? 0, groups: process.getgroups?.() ?? [] },
      env: process.env,
      now: Date.now(),
      addressSpace: probeAddressSpace(config.runtime.workers),
    },
    options.offline,
  );
  printAnswer(options, answer, (examination) => formatExamination(examination, options.offline, outbox !== undefined));
  if (worstLevel(answer.findings) === "fault") process.exitCode = EXIT.environment;
}

/** Most of what there is to look at can be looked at without a running agent. */
async function askIfThere<K extends "status" | "outbox">(socket: string, operation: K) {
  try {
    return await askAgent(socket, operation);
  } catch (error) {
    if (isPetioleError(error) && error.code === "ERR_CONTROL_UNREACHABLE") return undefined;
    throw error;
  }
}

export function formatExamination(
  { findings, forecast }: Examination,
  offline: Millis | undefined,
  measured: boolean,
): string {
  const parts = [
    formatTable([["CHECK", "", "FOUND"], ...findings.map(({ check, level, message }) => [check, level, message])]),
  ];
  const remedies = findings.filter(({ level, remedy }) => level !== "ok" && remedy !== undefined).map(formatRemedy);
  if (remedies.length > 0) parts.push(`What can be done:\n${remedies.join("\n")}`);
  if (forecast !== undefined) parts.push(formatForecast(forecast, offline ?? millis(0), measured));
  return parts.join("\n\n");
}

const formatRemedy = ({ check, remedy }: Finding): string => `  ${check}: ${remedy ?? ""}`;

function formatForecast(events: readonly Event[], offline: Millis, measured: boolean): string {
  const title = `Without the hub for ${formatAge(offline / 1000)}${measured ? ", at the pace of the last minute" : ", with nothing published, as no agent answers"}:`;
  if (events.length === 0) return `${title}\n  nothing breaks`;
  return `${title}\n${formatTable([["WHEN", "", "WHAT"], ...events.map(({ after, kind, what }) => [formatAfter(after), kind, what])])}`;
}
