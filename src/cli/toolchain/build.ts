import { relative, resolve } from "node:path";
import { buildProject, type BuildReport } from "../../toolchain/build/build.ts";
import type { Engine } from "../../toolchain/build/componentise.ts";
import type { ReportedInterface } from "../../toolchain/build/report.ts";
import { readProject } from "../../toolchain/project/project.ts";
import { formatBytes, formatTable } from "../table.ts";

export interface BuildCommandOptions {
  readonly engine?: Engine;
  readonly key?: string;
  readonly out?: string;
  readonly minify?: true;
  readonly json?: true;
}

/** `petiole build` */
export async function build(folder: string, { json, out, ...options }: BuildCommandOptions): Promise<void> {
  const project = await readProject(folder);
  const report = await buildProject(project, { ...options, ...(out !== undefined && { out: resolve(out) }) });
  process.stdout.write(json === true ? `${JSON.stringify(report)}\n` : formatReport(report));
}

function formatReport(report: BuildReport): string {
  const { file, engine, size, gzip, digest, signed, took } = report;
  const head = [
    `${shown(file)}: ${formatBytes(size)}, ${formatBytes(gzip)} with gzip, ${digest}`,
    `built with ${engine} in ${formatTime(took.all)}: ` +
      `types ${formatTime(took.types)}, bundle ${formatTime(took.bundle)}, component ${formatTime(took.component)}`,
  ];
  if (signed !== undefined)
    head.push(
      `${shown(signed.file)}: signed as ${signed.statement.name} ${signed.statement.version} by ${signed.signer}`,
    );
  const sections = [
    head.join("\n"),
    formatTable([["IMPORTS", "SERVED BY", "FUNCTIONS"], ...report.imports.filter(isOfOurs).map(rowOf("to"))]),
    formatTable([["EXPORTS", "CALLED BY", "FUNCTIONS"], ...report.exports.map(rowOf("from"))]),
  ];
  return `${sections.join("\n\n")}\n`;
}

/** What the engine brings along, and every component has, tells nobody anything. */
const isOfOurs = ({ name, servedBy }: ReportedInterface): boolean =>
  servedBy === "link" || (servedBy === "petiole" && !/^wasi:(?:cli|clocks|io|filesystem|random|sockets)\//.test(name));

const rowOf =
  (direction: "to" | "from") =>
  ({ name, functions, servedBy, providers }: ReportedInterface): readonly string[] => [
    name,
    servedBy === "link"
      ? `a link ${direction} ${providers.length === 0 ? "a component" : providers.join(" or ")}`
      : servedBy,
    functions.join(", "),
  ];

const shown = (file: string): string => {
  const path = relative(process.cwd(), file);
  return path.startsWith("..") ? file : path;
};

const formatTime = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;
