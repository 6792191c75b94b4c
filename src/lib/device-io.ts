// Device files: what Node's fs offers for them, and what it lacks, through the C++ add-on (native/device-io.cc).

import { closeSync, constants, existsSync, openSync, readdirSync } from "node:fs";
import { getSystemErrorMessage, getSystemErrorName } from "node:util";
import { PetioleError } from "../domain/errors.ts";
import { findAccess } from "./device-access.ts";
import { isErrno } from "./files.ts";
import { loadAddon, nativeLibrary } from "./parts.ts";
import { reasonOf } from "./reason.ts";

/** Puts the address of `target` at `offset` of `holder` while a call runs. */
export interface Pointer {
  readonly holder: Uint8Array;
  readonly offset: number;
  readonly target: Uint8Array;
}

export interface WatchOptions {
  /** Most bytes of one read: a multiple of the device's record, up to 64 KiB. */
  readonly size: number;
  /** `priority` is for attributes in sysfs, which are read from their start when they have changed. */
  readonly wait?: "readable" | "priority";
  readonly onData: (bytes: Uint8Array) => void;
  /** Nothing comes any more, because of an error with an errno, or without one at the end of the file. */
  readonly onEnd: (error: NodeJS.ErrnoException | undefined) => void;
}

/** The system calls that drivers of devices need. All of them throw errors with a `code` such as EBUSY, as fs does. */
export interface DeviceIo {
  list(folder: string): readonly string[];
  /** For reading and writing, without waiting for the device. An error of permission says who may use it. */
  open(path: string): number;
  close(descriptor: number): void;
  /**
   * Gives the call's result. The thread waits for it: only for what the kernel does at once.
   * @throws TypeError when a buffer is smaller than the request says
   */
  ioctl(descriptor: number, request: number, argument: Uint8Array | number, pointers?: readonly Pointer[]): number;
  /** The same for what takes its time: another thread waits. The buffers must be left alone until it has an end. */
  ioctlLater(
    descriptor: number,
    request: number,
    argument: Uint8Array | number,
    pointers?: readonly Pointer[],
  ): Promise<number>;
  /**
   * Reads from a descriptor whenever there is something to read. Disposing it ends that at once; closing the descriptor
   * is for its owner, afterwards.
   */
  watch(descriptor: number, options: WatchOptions): Disposable;
}

interface Addon {
  ioctl(descriptor: number, request: number, argument: Uint8Array | number, pointers: readonly unknown[]): number;
  ioctlLater: (...args: Parameters<Addon["ioctl"]>) => Promise<number>;
  watch(descriptor: number, priority: boolean, size: number, listener: (result: Buffer | number) => void): unknown;
  unwatch(handle: unknown): void;
  sendDatagram(address: Uint8Array, message: Uint8Array): number;
}

/**
 * Sends one datagram to a Unix socket: a path, or `@` and a name of the abstract namespace. Waits for nothing.
 * @throws Error with a `code`, such as EAGAIN when the receiver's queue is full or EMSGSIZE
 */
export type SendDatagram = (address: string, message: Uint8Array) => void;

/** Where the add-on for a machine such as "linux-arm64" is built to. */
export function deviceAddonPath(target?: string): string {
  return nativeLibrary("petiole-device-io.node", target);
}

/** @throws PetioleError ERR_DEVICE_ADDON when there is no add-on for this machine */
export function openDeviceIo(path: string = deviceAddonPath()): DeviceIo {
  const addon = load(path);
  return {
    list: (folder) => readdirSync(folder).sort(),
    open: openDevice,
    close: closeSync,
    ioctl(descriptor, request, argument, pointers = []) {
      const result = addon.ioctl(descriptor, request, argument, flatten(pointers));
      if (result < 0) throw systemError(result, "ioctl");
      return result;
    },
    async ioctlLater(descriptor, request, argument, pointers = []) {
      const result = await addon.ioctlLater(descriptor, request, argument, flatten(pointers));
      if (result < 0) throw systemError(result, "ioctl");
      return result;
    },
    watch(descriptor, { size, wait, onData, onEnd }) {
      const handle = addon.watch(descriptor, wait === "priority", size, (result) => {
        if (typeof result !== "number") onData(result);
        else onEnd(result === 0 ? undefined : systemError(result, "read"));
      });
      if (typeof handle === "number") throw systemError(handle, "epoll_ctl");
      return { [Symbol.dispose]: () => addon.unwatch(handle) };
    },
  };
}

/** @throws PetioleError ERR_DEVICE_ADDON when there is no add-on for this machine */
export function openDatagrams(path: string = deviceAddonPath()): SendDatagram {
  const addon = load(path);
  return (address, message) => {
    const result = addon.sendDatagram(Buffer.from(address.replace(/^@/, "\0")), message);
    if (result < 0) throw systemError(result, "sendto");
  };
}

const flatten = (pointers: readonly Pointer[]): readonly unknown[] =>
  pointers.flatMap(({ holder, offset, target }) => [holder, offset, target]);

function openDevice(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    const access = isErrno(error, "EACCES") || isErrno(error, "EPERM") ? findAccess(path) : undefined;
    if (access !== undefined && error instanceof Error) error.message += `; ${access}`;
    throw error;
  }
}

/** An error as Node's fs throws it, of a negative errno. */
export function systemError(negative: number, call: string): NodeJS.ErrnoException {
  const code = getSystemErrorName(negative);
  const message = `${code}: ${getSystemErrorMessage(negative)}, ${call}`;
  return Object.assign(new Error(message), { code, errno: negative, syscall: call });
}

function load(path: string): Addon {
  if (!existsSync(path)) {
    throw new PetioleError(
      "ERR_DEVICE_ADDON",
      `Cannot use devices of the kernel: found no add-on "${path}", which "npm run build:native" makes`,
    );
  }
  try {
    return loadAddon(path) as Addon; // Made of native/device-io.cc.
  } catch (cause) {
    throw new PetioleError("ERR_DEVICE_ADDON", `Cannot load the add-on "${path}": ${reasonOf(cause)}`, { cause });
  }
}
