import { inspectEntry, type EntryInspection } from "../runtime/aot/inspect.ts";
import { formatBytes, formatTable } from "./table.ts";

/** `petiole component inspect` of what was made of a component: by the cache, or by `petiole compile`. */
export async function entryInspect(file: string, options: { readonly json?: true }): Promise<void> {
  const inspection = await inspectEntry(file);
  process.stdout.write(
    options.json === true ? `${JSON.stringify({ file, ...inspection })}\n` : formatEntry(file, inspection),
  );
}

function formatEntry(file: string, { header, size, origin, machineCode }: EntryInspection): string {
  const { component, engine, limits, warmUpCalls, glue, parts } = header;
  const facts: (readonly [string, string])[] = [
    ["component", component],
    ["limits", `${limits.maxPages} pages of memory (64 KiB each), ${limits.maxTableEntries} table entries`],
    ["glue", glue === "linked" ? "petiole's own" : "jco's"],
    ["warm-up", warmUpCalls === 0 ? "none" : `${warmUpCalls} calls`],
    ["origin", describeOrigin(origin)],
    ...Object.entries(engine).map(([part, value]) => [`engine: ${part}`, String(value)] as const),
  ];
  if (machineCode !== undefined) {
    const { version, cpu, flags } = machineCode;
    facts.push(["machine code", `for V8 ${version}, processor ${cpu}, flags ${flags}`]);
  }
  const rows = parts.map((part) => [part.kind, part.name === "" ? "-" : part.name, formatBytes(part.size)]);
  const sections = [
    `${file}: ${formatBytes(size)}`,
    formatTable(facts.map((fact) => [...fact])),
    formatTable([["PART", "NAME", "SIZE"], ...rows]),
  ];
  return `${sections.join("\n\n")}\n`;
}

function describeOrigin(origin: EntryInspection["origin"]): string {
  if (origin.kind === "sealed") return "a device's cache; only that device can tell whether it is intact";
  return `signed by ${origin.signer}${origin.intact ? "" : ", DAMAGED: the signature does not fit"}`;
}
