// Markup of manual pages.

/** Text that is printed as it is: no request at the start of a line, no escapes in it, hyphens that can be copied. */
export function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("…", "...")
    .replace(/^(?=[.'])/gm, "\\&");
}

/** Text with the `code`, **strong** and [links](…) of Markdown. */
export const roffOfMarkdown = (text: string): string =>
  roff(
    text
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .replace(/\*\*([^*]+)\*\*/g, "$1")
      .replaceAll("\\|", "|"),
  ).replace(/`([^`]+)`/g, "\\fB$1\\fR");

export interface PageTitle {
  readonly name: string;
  readonly section: 1 | 5;
  readonly summary: string;
  readonly version: string;
  /** Seconds since 1970. */
  readonly epoch: number;
}

export const pageHead = ({ name, section, summary, version, epoch }: PageTitle): string[] => [
  `.TH ${name.toUpperCase()} ${section} ${new Date(epoch * 1000).toISOString().slice(0, 10)} "petiole ${version}" petiole`,
  ".SH NAME",
  `${roff(name)} \\- ${roff(summary)}`,
];
