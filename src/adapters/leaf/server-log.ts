import type { Logger } from "../../lib/log.ts";

const LINE = /^\[\d+\] (?:\d{4}\/\d\d\/\d\d \S+ )?\[(\w{3})\] (.*)$/;
/** User and password of a URL: the server repeats its remotes' URLs when it cannot reach them. */
const USER_INFO = /\/\/[^\s/@]+@/g;
const LINES_KEPT = 8;
const LINKED = /Leafnode connection created/;
const UNLINKED = /Leafnode connection closed: (.*?)(?: - Remote: .*| account: .*)?$/;
const RELOADED = /^Reloaded server configuration/;
const RELOAD_REFUSED = /^Failed to reload server configuration/;
/** What a local client did wrong is not what keeps the server from the hub. */
const OF_CLIENT = /^\S+ - (?:cid|wid|mid):\d+ - /;
/** `127.0.0.1:7422 - lid:5 - `: which connection of many it was. */
const CONNECTION = /^\S+ - \w+:\S+(?: - \S+)* - /;

/** Takes the server's output apart into lines of our log, and keeps the last ones for error messages. */
export interface ServerLog {
  push(chunk: string): void;
  /** The server's last complaint since it connected to the hub: mostly what keeps it from the hub. */
  readonly linkProblem: () => string | undefined;
  /** How often the server has taken up its configuration again, and how often it refused to. */
  readonly reloads: () => { readonly done: number; readonly refused: number };
  /** The last lines that say that something is wrong, or else the last lines. */
  summary(): string;
}

export function createServerLog(log: Logger): ServerLog {
  let rest = "";
  let problem: string | undefined;
  let reloads = { done: 0, refused: 0 };
  const last: { readonly level: string; readonly text: string }[] = [];

  const take = (line: string): void => {
    const [, level = "INF", text = line] = LINE.exec(line) ?? [];
    const redacted = text.replace(USER_INFO, "//***@");
    if (redacted.trim() === "") return;
    last.push({ level, text: redacted });
    if (last.length > LINES_KEPT) last.shift();
    const closed = UNLINKED.exec(redacted)?.[1];
    if (LINKED.test(redacted)) problem = undefined;
    // All that is said when a hub turns away a client certificate, which comes after the greeting in TLS 1.3.
    else if (closed !== undefined) problem ??= `the connection was closed: ${closed}`;
    else if (level === "ERR" && !OF_CLIENT.test(redacted)) problem = redacted.replace(CONNECTION, "");
    if (RELOADED.test(redacted)) reloads = { ...reloads, done: reloads.done + 1 };
    else if (RELOAD_REFUSED.test(redacted)) reloads = { ...reloads, refused: reloads.refused + 1 };
    if (level === "FTL" || level === "ERR") log.warn("nats-server reports an error", { text: redacted });
    else if (level === "WRN") log.info("nats-server warns", { text: redacted });
    else log.debug("nats-server", { text: redacted });
  };

  return {
    push: (chunk) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) take(line);
    },
    linkProblem: () => problem,
    reloads: () => reloads,
    summary: () => {
      const wrong = last.filter(({ level }) => level === "FTL" || level === "ERR");
      // A configuration fault is printed as one bare line by the server's command line, before its log exists.
      return (wrong.length > 0 ? wrong : last).map(({ text }) => text).join("; ") || rest.trim() || "it said nothing";
    },
  };
}
