import { pageHead, roff, roffOfMarkdown, type PageTitle } from "./roff.ts";

/** petiole.yaml(5), from docs/reference/configuration.md: its first paragraphs and its tables. */
export function configPage(markdown: string, { version, epoch }: Pick<PageTitle, "version" | "epoch">): string {
  const [, ...lines] = markdown.replace(/<!--[\s\S]*?-->\n/g, "").split("\n");
  const page = pageHead({ name: "petiole.yaml", section: 5, summary: "configuration of petiole", version, epoch });
  page.push(".SH DESCRIPTION");
  let code = false;
  for (const line of lines) {
    if (line.startsWith("```")) {
      code = !code;
      page.push(code ? ".PP\n.nf\n.RS 4" : ".RE\n.fi\n.PP");
    } else if (code) page.push(roff(line));
    else if (line.startsWith("#")) page.push(`.SH ${roffOfMarkdown(line.replace(/^#+ /, "")).toUpperCase()}`);
    else if (line.startsWith("|")) page.push(...rowLines(line));
    else page.push(line === "" ? ".PP" : roffOfMarkdown(line.replace(/^- /, "\\(bu ")));
  }
  page.push(".SH SEE ALSO", ".BR petiole (1)", "");
  return withoutEmptyParagraphs(page.join("\n"));
}

/** `| key | takes | default | meaning |`; heads and rules say nothing here. */
function rowLines(row: string): string[] {
  const cells = row
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
  const [key = "", takes = "", fallback = "", meaning = ""] = cells;
  if (!key.startsWith("`")) return [];
  const text = `${meaning} (${takes}; ${fallback === "required" ? "" : "default: "}${fallback})`;
  return [".TP", roffOfMarkdown(key), roffOfMarkdown(text)];
}

const withoutEmptyParagraphs = (page: string): string =>
  page.replace(/(?:\.PP\n)+(?=\.(?:PP|SH|TP)\b)/g, "").replace(/(\.SH [^\n]*\n)(?:\.PP\n)+/g, "$1");
