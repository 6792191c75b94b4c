// WASI 0.2 for guests: what language runtimes need to start and to print, clocks, randomness, configuration, logging, and
// the files and the network that a component was granted. The same code serves every 0.2 version; the glue binds what a
// component imports.

import { createClocks } from "./clocks.ts";
import { createFilesystem } from "./filesystem/index.ts";
import { GuestExit, type WasiHost } from "./host.ts";
import { LineSplitter } from "./lines.ts";
import { createRandom } from "./random.ts";
import { ok, type WasiResult } from "./result.ts";
import { createSockets } from "./sockets/index.ts";
import { CLOSED, InputStream, IoError, OutputStream, type ByteSink, type ByteSource } from "./streams.ts";
import { Pollable, READY } from "./waiting.ts";

const MAX_LINE = 4096;
// What is printed goes out at once, so the budget only bounds one write.
const PRINT_BUDGET = 1_048_576;

/** Has ended before it began. */
const EMPTY_SOURCE: ByteSource = { ...READY, read: () => CLOSED, close: () => {} };

/** The class of handles that no guest ever gets: nothing here is a terminal. */
function Terminal(): void {}

/** Disposing it closes what the guest has open. */
export interface Wasi extends Disposable {
  /** Implementations by unversioned interface name, then by JavaScript name. */
  readonly interfaces: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Gives out what was printed without a line end. */
  flush(): void;
}

/** @throws GuestExit from `exit`, which ends the guest's call */
export function createWasi(host: WasiHost): Wasi {
  const { grants, suspend } = host;
  const filesystem = createFilesystem({ folders: grants.folders, suspend });
  const sockets = createSockets({ granted: grants.network, suspend });
  const stdout = new LineSplitter(MAX_LINE, (line) => host.print("stdout", line));
  const stderr = new LineSplitter(MAX_LINE, (line) => host.print("stderr", line));
  const printer = (lines: LineSplitter): OutputStream => {
    const write = (bytes: Uint8Array): void => lines.write(bytes);
    const sink: ByteSink = { ...READY, space: () => PRINT_BUDGET, write, flush: () => {}, close: () => {} };
    return new OutputStream(suspend, sink);
  };
  const config = {
    get: (key: string) => {
      const now = host.config();
      return ok(Object.hasOwn(now, key) ? now[key] : undefined);
    },
    getAll: () => ok(Object.entries(host.config())),
  };

  return {
    flush: () => {
      stdout.flush();
      stderr.flush();
    },
    [Symbol.dispose]: () => {
      filesystem[Symbol.dispose]();
      sockets[Symbol.dispose]();
    },
    interfaces: {
      ...createClocks(suspend),
      ...createRandom(host.maxRandomBytes),
      ...filesystem.interfaces,
      ...sockets.interfaces,
      "wasi:cli/environment": {
        getEnvironment: () => Object.entries(host.env),
        getArguments: () => [host.id],
        // Where a relative path leads. Without a folder there is no such place.
        initialCwd: () => grants.folders[0]?.guest,
      },
      "wasi:cli/exit": {
        exit: (status: WasiResult<undefined, undefined>) => {
          throw new GuestExit(status.tag === "ok" ? 0 : 1);
        },
        exitWithCode: (status: number) => {
          throw new GuestExit(status);
        },
      },
      "wasi:cli/stdin": { getStdin: () => new InputStream(suspend, EMPTY_SOURCE) },
      "wasi:cli/stdout": { getStdout: () => printer(stdout) },
      "wasi:cli/stderr": { getStderr: () => printer(stderr) },
      "wasi:cli/terminal-input": { TerminalInput: Terminal },
      "wasi:cli/terminal-output": { TerminalOutput: Terminal },
      "wasi:cli/terminal-stdin": { getTerminalStdin: () => undefined },
      "wasi:cli/terminal-stdout": { getTerminalStdout: () => undefined },
      "wasi:cli/terminal-stderr": { getTerminalStderr: () => undefined },
      "wasi:config/store": config,
      "wasi:config/runtime": config,
      "wasi:io/error": { Error: IoError },
      "wasi:io/poll": { Pollable, poll: (all: readonly Pollable[]) => Pollable.poll(all) },
      "wasi:io/streams": { InputStream, OutputStream },
      "wasi:logging/logging": { log: host.log },
    },
  };
}
