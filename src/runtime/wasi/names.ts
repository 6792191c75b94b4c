// Interfaces that the runtime serves by itself. Known to the main thread too, which does not load what serves them.

import { PetioleError } from "../../domain/errors.ts";
import { parseWitName, unversioned } from "../../domain/wit-name.ts";

/** Unversioned names. */
export const BUILTIN_INTERFACES: ReadonlySet<string> = new Set([
  "wasi:cli/environment",
  "wasi:cli/exit",
  "wasi:cli/stdin",
  "wasi:cli/stdout",
  "wasi:cli/stderr",
  "wasi:cli/terminal-input",
  "wasi:cli/terminal-output",
  "wasi:cli/terminal-stdin",
  "wasi:cli/terminal-stdout",
  "wasi:cli/terminal-stderr",
  "wasi:clocks/monotonic-clock",
  "wasi:clocks/wall-clock",
  "wasi:clocks/timezone",
  "wasi:config/store",
  "wasi:config/runtime",
  "wasi:filesystem/preopens",
  "wasi:filesystem/types",
  "wasi:http/outgoing-handler",
  "wasi:http/types",
  "wasi:io/error",
  "wasi:io/poll",
  "wasi:io/streams",
  "wasi:logging/logging",
  "wasi:random/random",
  "wasi:random/insecure",
  "wasi:random/insecure-seed",
  "wasi:sockets/instance-network",
  "wasi:sockets/ip-name-lookup",
  "wasi:sockets/network",
  "wasi:sockets/tcp",
  "wasi:sockets/tcp-create-socket",
  "wasi:sockets/udp",
  "wasi:sockets/udp-create-socket",
]);

/** Built-in functions that may wait, so that the guest is suspended while they do. The others return at once. */
export const WAITING_BUILTINS: ReadonlySet<string> = new Set([
  "wasi:io/poll#poll",
  "wasi:io/poll#[method]pollable.block",
  "wasi:io/streams#[method]input-stream.blocking-read",
  "wasi:io/streams#[method]input-stream.blocking-skip",
  "wasi:io/streams#[method]output-stream.blocking-write-and-flush",
  "wasi:io/streams#[method]output-stream.blocking-flush",
  "wasi:io/streams#[method]output-stream.blocking-write-zeroes-and-flush",
  "wasi:io/streams#[method]output-stream.blocking-splice",
  "wasi:filesystem/types#[method]descriptor.sync",
  "wasi:filesystem/types#[method]descriptor.sync-data",
]);

export function isBuiltin(interfaceName: string): boolean {
  return BUILTIN_INTERFACES.has(unversioned(interfaceName));
}

/**
 * Refuses built-in interfaces of a version that works differently: those of WASI 0.3 are asynchronous.
 * @throws PetioleError ERR_COMPONENT_INVALID
 */
export function checkBuiltinVersion(interfaceName: string, source: string): void {
  const name = parseWitName(interfaceName);
  if (name?.version === undefined || !isBuiltin(interfaceName)) return;
  if (name.namespace !== "wasi" || name.package === "config" || name.package === "logging") return;
  if (/^0\.2\.\d+$/.test(name.version)) return;
  throw new PetioleError(
    "ERR_COMPONENT_INVALID",
    `Cannot run "${source}": it imports "${interfaceName}", want version 0.2 of WASI`,
  );
}
