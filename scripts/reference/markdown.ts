/** What stands at the top of every page that is made from code. */
export const head = (title: string, source: string, text: string): string =>
  `# ${title}\n\n<!-- Made by \`npm run docs:reference\` from ${source}: change it there. -->\n\n${text}\n`;

/** A table; cells are Markdown, in which only what would end them is escaped. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
  return [line(titles), line(titles.map(() => "---")), ...rows.map(line), ""].join("\n");
}

/** Links of a text that lies in docs/, for a page in docs/reference/. */
export const fromReference = (markdown: string): string =>
  markdown.replace(/\]\((?!https?:|#)([^)]+)\)/g, (_whole, target: string) =>
    target.startsWith("reference/") ? `](${target.slice("reference/".length)})` : `](../${target})`,
  );

const cell = (text: string): string => text.replace(/\s*\n\s*/g, " ").replaceAll(/(?<!\\)\|/g, "\\|");
