import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { head, table } from "./markdown.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

interface Metric {
  readonly name: string;
  readonly kind: string;
  readonly labels: readonly string[];
  readonly help: string;
}

/** Labels that what makes the samples of a family gives them. */
const LABELLED = [
  [/\beach\(/, "component"],
  [/\blanes\(/, "lane"],
] as const;

export function metricsPage(): string {
  return [
    head(
      "Metrics",
      "the calls that make them",
      "Every measure, as `petiole metrics` prints it. [metrics.md](../metrics.md) says how to get at them.",
    ),
    "## The agent\n",
    metricTable(metricsOf("src/daemon/agent-metrics.ts", "petiole_", [])),
    "## Links\n",
    metricTable(metricsOf("src/host/link-meters.ts", "petiole_link_", ["source", "target", "link"])),
    "## Providers' own\n",
    metricTable(
      globSync("providers/**/*.ts", { cwd: ROOT })
        .filter((file) => !file.endsWith(".test.ts"))
        .sort()
        .flatMap((file) => metricsOf(file, "petiole_", ["provider"])),
    ),
  ].join("\n");
}

function metricTable(metrics: readonly Metric[]): string {
  const byName = Map.groupBy(metrics, ({ name }) => name);
  return table(
    ["name", "kind", "labels", "what it says"],
    [...byName.values()].flatMap(([first]) =>
      first === undefined
        ? []
        : [[`\`${first.name}\``, first.kind, first.labels.map((label) => `\`${label}\``).join(", "), first.help]],
    ),
  );
}

/** Every measure that a source makes by a call with its name and help written out, which all of petiole's are. */
export function metricsOf(file: string, prefix: string, common: readonly string[]): Metric[] {
  const source = readFileSync(join(ROOT, file), "utf8");
  const calls = source.matchAll(
    /\b(counter|counted|gauge|observedGauge|histogram)\(\s*"([a-z0-9_]+)",\s*"((?:[^"\\]|\\.)*)"/g,
  );
  return [...calls].map((match) => {
    const [, call = "", name = "", help = ""] = match;
    const more = restOfCall(source, match.index + match[0].length);
    // modbus' own word for a counter of a bus.
    const own = call === "counted" ? ["bus"] : labelsIn(more);
    const kind = call === "counted" ? "counter" : call === "observedGauge" ? "gauge" : call;
    return { name: `${prefix}${name}`, kind, labels: [...common, ...own], help: sentence(help) };
  });
}

/** Up to the parenthesis that ends the call. */
function restOfCall(source: string, from: number): string {
  let depth = 1;
  let end = from;
  while (end < source.length && depth > 0) {
    if (source[end] === "(") depth += 1;
    if (source[end] === ")") depth -= 1;
    end += 1;
  }
  return source.slice(from, end);
}

function labelsIn(rest: string): string[] {
  const named = LABELLED.flatMap(([pattern, label]) => (pattern.test(rest) ? [label] : []));
  const [, object = ""] = /(?:labels: |,\s*)\{([^{}]*)\}/.exec(rest) ?? [];
  const keys = [...object.matchAll(/(?:^|,)\s*([a-z_]+)\s*(?=[,:]|$)/gi)].map(([, key = ""]) => key);
  return [...named, ...keys];
}

const sentence = (text: string): string => {
  const capital = `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
  return capital.endsWith(".") ? capital : `${capital}.`;
};
