import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Faults } from "../support/fault-shim.ts";
import type { LoadLane } from "./marks.ts";

export interface Asked {
  readonly id: number;
  readonly request:
    | { readonly kind: "publish"; readonly lane: LoadLane; readonly text: string }
    | { readonly kind: "read"; readonly lane: LoadLane; readonly after: number }
    | { readonly kind: "flush" | "close" };
}

export type Answer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly code: string };

/** A request that the store refused, by the code of its error. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly code: string;

  constructor(code: string) {
    super(`The store refused: ${code}`);
    this.code = code;
  }
}

/** A store in a process of its own. */
export interface StoreProcess extends AsyncDisposable {
  /** @throws Refused */
  publish(lane: LoadLane, text: string): Promise<{ readonly outcome: string; readonly seq: number }>;
  /** Texts of the rows that are there to be read. */
  texts(lane: LoadLane): Promise<readonly string[]>;
  /** @throws Refused */
  flush(): Promise<void>;
  /** Closes the store and ends the process. @throws Refused */
  close(): Promise<void>;
  kill(): Promise<void>;
}

const CHILD = fileURLToPath(new URL("./store-child.ts", import.meta.url));

/** Opens the store in `faults.dir`, under these faults. Resolves once it is open. */
export async function startStoreProcess(faults: Faults): Promise<StoreProcess> {
  const child = fork(CHILD, [faults.dir], {
    env: { ...process.env, ...faults.env },
    execArgv: ["--disable-warning=ExperimentalWarning"],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const exited = once(child, "exit");
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let id = 0;
  child.on("message", (answer: Answer) => {
    const request = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (answer.ok) request?.resolve(answer.value);
    else request?.reject(new Refused(answer.code));
  });
  child.on("exit", (code, signal) => {
    for (const request of waiting.values()) request.reject(new Error(`The store's process ended: ${code ?? signal}`));
  });
  const opened = Promise.withResolvers<unknown>();
  waiting.set(0, opened);

  const ask = async (request: Asked["request"]): Promise<unknown> => {
    id += 1;
    const answer = Promise.withResolvers<unknown>();
    waiting.set(id, answer);
    child.send({ id, request } satisfies Asked);
    return await answer.promise;
  };
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
  };
  await opened.promise;
  return {
    // The child answers each kind of request with what belongs to it.
    publish: async (lane, text) =>
      (await ask({ kind: "publish", lane, text })) as { readonly outcome: string; readonly seq: number },
    texts: async (lane) => {
      const rows = (await ask({ kind: "read", lane, after: 0 })) as readonly { readonly text: string }[];
      return rows.map(({ text }) => text);
    },
    flush: async () => void (await ask({ kind: "flush" })),
    close: async () => {
      await ask({ kind: "close" });
      child.disconnect();
      await exited;
    },
    kill,
    [Symbol.asyncDispose]: kill,
  };
}
