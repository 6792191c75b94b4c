import { askAgent } from "../../adapters/control/client.ts";
import type { AgentVersions } from "../../domain/release.ts";
import { printAnswer, socketOf, type AgentOptions } from "../agent-socket.ts";
import { formatTable } from "../table.ts";

/** `petiole agent versions` */
export async function agentVersions(options: AgentOptions): Promise<void> {
  printAnswer(options, await askAgent(await socketOf(options), "agent-versions"), formatVersions);
}

/** For people. */
export function formatVersions(versions: AgentVersions): string {
  const { running, packaged, previous, trial, installed, bad, unavailable, wanted } = versions;
  const names = new Set([running, ...(packaged === undefined ? [] : [packaged]), ...installed, ...bad.map(nameOf)]);
  const rows = [...names].map((version) => {
    const mark = bad.find((one) => one.version === version);
    return [version, roleOf(version, versions), version === packaged ? "package" : "update", mark?.reason ?? "-"];
  });
  const notes = [
    ...(trial === undefined ? [] : [`on trial, start ${trial.starts}: ${trial.waitsFor}`]),
    ...(versions.isPackaged ? [] : [`goes back to: ${previous ?? packaged ?? "the packaged version"}`]),
    ...(wanted === undefined ? [] : [formatWanted(wanted)]),
    ...(unavailable === undefined ? [] : [`cannot update itself: ${unavailable}`]),
  ];
  return [formatTable([["VERSION", "STATE", "FROM", "FAILED"], ...rows]), ...notes].join("\n");
}

function roleOf(version: string, { running, trial, bad }: AgentVersions): string {
  if (version === running) return trial === undefined ? "runs" : "on trial";
  return bad.some((one) => one.version === version) ? "failed" : "kept";
}

function formatWanted({ version, state, reason }: NonNullable<AgentVersions["wanted"]>): string {
  return `the hub wants ${version}: ${state}${reason === undefined ? "" : `, ${reason}`}`;
}

const nameOf = ({ version }: { readonly version: string }): string => version;
