// Add-ons of the single executable, from memory: each gets a file of its own there, which all threads share. Node has a way
// for that too, and frees the number of the file's descriptor at once; the C library knows a library by its path,
// /proc/self/fd/NUMBER, and so takes the next add-on with that number for the first one. So only one add-on ever
// goes Node's way: the one that makes such files.

import { getEnvironmentData, setEnvironmentData } from "node:worker_threads";

/** Made of native/memory-file.cc. */
interface Maker {
  memoryFile(name: string, bytes?: Uint8Array): number;
}

const MAKER = "petiole-memory-file.node";

export interface MemoryAddons {
  /** What the add-on exports, always the same in a thread. @throws Error when it cannot be loaded */
  load(name: string): unknown;
}

interface Source {
  /** A part of the executable. */
  readonly read: (name: string) => Uint8Array;
  /** Where Node's `dlopen` finds it; of the main thread. */
  readonly locate: (name: string) => string;
}

/** Of this thread. The main thread has to have them before it starts another one. @throws Error when memory cannot hold code */
export function openMemoryAddons({ read, locate }: Source): MemoryAddons {
  const loaded = new Map<string, unknown>();
  const maker = findMaker();

  function findMaker(): Maker {
    const given = getEnvironmentData(MAKER);
    if (typeof given === "number") return open(given) as Maker;
    const module = { exports: {} };
    // First, as it may bring another dlopen.
    const path = locate(MAKER);
    process.dlopen(module, path);
    const first = module.exports as Maker;
    const fd = checked(first.memoryFile(MAKER, read(MAKER)), MAKER);
    // This one stays, and knows the files of the whole process.
    setEnvironmentData(MAKER, fd);
    return open(fd) as Maker;
  }

  return {
    load: (name) => {
      if (loaded.has(name)) return loaded.get(name);
      const known = maker.memoryFile(name);
      const addon = open(known >= 0 ? known : checked(maker.memoryFile(name, read(name)), name));
      loaded.set(name, addon);
      return addon;
    },
  };
}

function open(fd: number): unknown {
  const module = { exports: {} };
  process.dlopen(module, `/proc/self/fd/${fd}`);
  return module.exports;
}

function checked(result: number, name: string): number {
  if (result < 0) throw new Error(`Cannot hold the add-on "${name}" in memory: errno ${-result}`);
  return result;
}
