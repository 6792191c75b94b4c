import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { spawnProcess, tempFolder } from "./processes.ts";
import { waitFor } from "./wait-for.ts";

/** Node has no datagrams of Unix sockets: Python receives them, and prints each in base64. */
const RECEIVER = `
import base64, socket, sys
path = sys.argv[1]
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind("\\0" + path[1:] if path[0] == "@" else path)
print("bound", flush=True)
while True:
    print(base64.b64encode(receiver.recv(1 << 20)).decode(), flush=True)
`;

export interface DatagramReceiver extends AsyncDisposable {
  /** Where to send to: a path, or `@` and a name. */
  readonly address: string;
  readonly pid: number;
  /** What came so far, oldest first. */
  received(): readonly Buffer[];
  signal(signal: NodeJS.Signals): void;
}

export const hasPython = (): boolean => spawnSync("python3", ["--version"]).status === 0;

/** A socket that receives datagrams, gone when the scope is left. */
export async function receiveDatagrams(kind: "path" | "abstract" = "path"): Promise<DatagramReceiver> {
  const folder = await tempFolder();
  const path = join(folder.path, "socket");
  const address = kind === "path" ? path : `@${path}`;
  const process = await spawnProcess("python3", ["-c", RECEIVER, address]);
  const lines = (): string[] => process.output().split("\n").slice(0, -1);
  await waitFor("the receiver to be bound", () => lines()[0] === "bound");
  return {
    address,
    pid: process.pid,
    received: () =>
      lines()
        .slice(1)
        .map((line) => Buffer.from(line, "base64")),
    signal: (signal) => process.signal(signal),
    async [Symbol.asyncDispose]() {
      await process[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
