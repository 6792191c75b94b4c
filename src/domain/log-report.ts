// The last lines of the agent's log, for `petiole logs` and the live page; also the answer of the control socket.

export interface LogLine {
  /** Grows by one with each line of a run of the agent, beginning with 1. */
  readonly seq: number;
  /** Unix time in milliseconds, as the device knew it. */
  readonly at: number;
  readonly level: "trace" | "debug" | "info" | "warn" | "error";
  readonly message: string;
  /** What varies: texts, cut where they are long. */
  readonly fields: Readonly<Record<string, string>>;
}

export interface LogReport {
  /** Another one for each run of the agent: counting begins anew. */
  readonly run: string;
  /** Oldest first. */
  readonly lines: readonly LogLine[];
}
