// The control socket of an agent that says what it is told to say.

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ModelAgentOptions {
  /** Of the one before, which has ended, for another run of it. */
  readonly folder?: string;
  readonly pid?: number;
  /** Of its only component. */
  readonly name?: string;
  /** It answers everything with this. */
  readonly nonsense?: string;
}

export interface ModelAgent extends AsyncDisposable {
  readonly socket: string;
  readonly folder: string;
  /** Times that its status was asked for. */
  asked(): number;
  /** `seq`: of the only line of its log that it has kept. */
  set(change: { readonly hub?: string; readonly empty?: boolean; readonly seq?: number }): void;
}

export async function openModelAgent(options: ModelAgentOptions = {}): Promise<ModelAgent> {
  const { pid = 7, name = "smoother", nonsense } = options;
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), "petiole-model-agent-")));
  await mkdir(folder, { recursive: true });
  const socket = join(folder, "petiole.sock");
  let hub = "online";
  let isEmpty = false;
  let seq = 1;
  let asked = 0;
  const ends = { source: name, target: "store", name: "default", interfaces: ["wasi:keyvalue/store"] };
  const hubState = (): object => ({ link: hub, mode: "leaf", reason: hub === "online" ? undefined : "cut" });
  const answers: Readonly<Record<string, () => unknown>> = {
    status: () => {
      asked += 1;
      const component = {
        id: name,
        state: "running",
        calls: 1,
        failures: 0,
        restarts: 0,
        instances: 1,
        memory: 0,
        cpuTime: 0,
      };
      return {
        device: "gw-1",
        version: "1.0.0",
        pid,
        state: "running",
        uptime: 5,
        rss: 1e8,
        notices: [],
        hub: hubState(),
        clock: { state: "synced" },
        components: isEmpty ? [] : [component],
        providers: isEmpty ? [] : [{ id: "store", type: "keyvalue-sqlite", state: "running" }],
        links: isEmpty ? [] : [ends],
        outbox: { bytes: 0, cap: 1024, lanes: [] },
        inbox: { waiting: 0, hub: { state: "off" } },
      };
    },
    metrics: () => [],
    links: () => ({ links: isEmpty ? [] : [{ ...ends, state: "bound" }], idle: [] }),
    outbox: () => ({ paused: false, store: { mode: "disk" }, forwarder: { lanes: [] } }),
    logs: () => ({
      run: String(pid),
      lines: [{ seq, at: 0, level: "info", message: "Agent is ready", fields: {} }],
    }),
  };
  const sinceOf = (params: unknown): number => (params as { since?: number } | undefined)?.since ?? 0;
  const server = createServer((connection) => {
    connection.on("error", () => {});
    connection.once("data", (chunk) => {
      if (nonsense !== undefined) return connection.end(`${nonsense}\n`);
      const { op, params } = JSON.parse(chunk.toString()) as { readonly op: string; readonly params: unknown };
      let value = answers[op]?.();
      if (op === "logs" && sinceOf(params) >= seq) value = { run: String(pid), lines: [] };
      return connection.end(`${JSON.stringify({ ok: true, value })}\n`);
    });
  });
  server.listen(socket);
  await once(server, "listening");
  return {
    socket,
    folder,
    asked: () => asked,
    set(change) {
      hub = change.hub ?? hub;
      isEmpty = change.empty ?? isEmpty;
      seq = change.seq ?? seq;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
      await rm(folder, { recursive: true, force: true });
    },
  };
}
