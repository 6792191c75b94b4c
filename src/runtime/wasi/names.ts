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

/** Packages of WASI of which nothing but the interfaces above is served, and of no other version than 0.2. */
const STANDARD_PACKAGES: ReadonlySet<string> = new Set([
  "cli",
  "clocks",
  "filesystem",
  "http",
  "io",
  "random",
  "sockets",
]);

/**
 * Refuses interfaces of WASI of a version that works differently: those of WASI 0.3 are asynchronous, and some have
 * names that 0.2 does not know.
 * @throws PetioleError ERR_COMPONENT_INVALID
 */
export function checkBuiltinVersion(interfaceName: string, source: string): void {
  const name = parseWitName(interfaceName);
  if (name?.version === undefined || name.namespace !== "wasi" || !STANDARD_PACKAGES.has(name.package)) return;
  if (/^0\.2\.\d+$/.test(name.version)) return;
  const later = /^0\.(?:[3-9]|\d{2,})\.|^[1-9]/.test(name.version);
  const advice = later ? "; build the component for WASI 0.2, such as Rust's target wasm32-wasip2" : "";
  throw new PetioleError(
    "ERR_COMPONENT_INVALID",
    `Cannot run "${source}": it imports "${interfaceName}", want version 0.2 of WASI${advice}`,
  );
}
