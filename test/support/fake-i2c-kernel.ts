// /dev/i2c-1 as the kernel has it, over devices in memory: the calls that the provider makes, byte by byte.

import type { Bus } from "../../providers/i2c/bus.ts";
import { I2cError, type Operation } from "../../providers/i2c/bus.ts";
import { systemError, type DeviceIo, type Pointer } from "../../src/lib/device-io.ts";

const ERRNO = { ENOENT: -2, ENXIO: -6, EBADF: -9, EBUSY: -16, ENODEV: -19, EINVAL: -22, ENOTTY: -25 } as const;
const PATH = "/dev/i2c-1";

export interface FakeI2cKernel extends DeviceIo {
  /** Addresses that a driver has for itself. */
  readonly claimed: Set<number>;
  /** Whether the adapter takes more than SMBus. */
  plain: boolean;
  plugged: boolean;
  /** In units of 10 ms, when it was set. */
  timeout: number | undefined;
  readonly descriptors: number;
}

const fail = (code: keyof typeof ERRNO, call = "ioctl"): never => {
  throw systemError(ERRNO[code], call);
};

function targetOf(pointers: readonly Pointer[], holder: Uint8Array, offset: number): Uint8Array {
  const pointer = pointers.find((one) => one.holder === holder && one.offset === offset);
  return pointer?.target ?? fail("EINVAL");
}

export function createFakeI2cKernel(bus: Bus): FakeI2cKernel {
  const open = new Map<number, boolean>();
  let next = 100;

  /** What a descriptor can do; one of an adapter that was unplugged works no more, also after another came. */
  const check = (descriptor: number): void => {
    const valid = open.get(descriptor) ?? fail("EBADF");
    if (!valid) fail("ENODEV");
  };

  async function transfer(argument: Uint8Array, pointers: readonly Pointer[]): Promise<number> {
    const count = Buffer.from(argument.buffer, argument.byteOffset, argument.length).readUInt32LE(8);
    if (count === 0 || count > 42) fail("EINVAL");
    const messages = targetOf(pointers, argument, 0);
    const view = Buffer.from(messages.buffer, messages.byteOffset, messages.length);
    const addresses = new Set<number>();
    const reads: Uint8Array[] = [];
    const operations = Array.from({ length: count }, (_, index): Operation => {
      const at = index * 16;
      const [flags, length] = [view.readUInt16LE(at + 2), view.readUInt16LE(at + 4)];
      const buffer = targetOf(pointers, messages, at + 8);
      if (buffer.length !== length || length > 8192 || flags > 1) fail("EINVAL");
      addresses.add(view.readUInt16LE(at));
      if (flags === 0) return { tag: "write", bytes: buffer };
      reads.push(buffer);
      return { tag: "read", length };
    });
    const [address, ...others] = addresses;
    if (address === undefined || others.length > 0) return fail("EINVAL");
    try {
      for (const [index, bytes] of (await bus.transfer(address, operations)).entries()) reads[index]?.set(bytes);
    } catch (error) {
      if (error instanceof I2cError) fail("ENXIO");
      throw error;
    }
    return count;
  }

  const kernel: FakeI2cKernel = {
    claimed: new Set(),
    plain: true,
    get plugged() {
      return plugged;
    },
    set plugged(there) {
      plugged = there;
      if (!there) for (const descriptor of open.keys()) open.set(descriptor, false);
    },
    timeout: undefined,
    get descriptors() {
      return open.size;
    },
    list: () => (plugged ? ["i2c-1"] : []),
    open: (path) => {
      if (!plugged || path !== PATH) fail("ENOENT", "open");
      next += 1;
      open.set(next, true);
      return next;
    },
    close: (descriptor) => {
      if (!open.delete(descriptor)) fail("EBADF", "close");
    },
    ioctl: (descriptor, request, argument) => {
      check(descriptor);
      if (request === 0x0705 && typeof argument !== "number") {
        argument[0] = kernel.plain ? 1 : 0;
        return 0;
      }
      if (typeof argument !== "number") return fail("ENOTTY");
      if (request === 0x0702) kernel.timeout = argument;
      else if (request !== 0x0703) fail("ENOTTY");
      else if (kernel.claimed.has(argument)) fail("EBUSY");
      return 0;
    },
    async ioctlLater(descriptor, request, argument, pointers = []) {
      check(descriptor);
      if (request !== 0x0707 || typeof argument === "number") return fail("ENOTTY");
      return await transfer(argument, pointers);
    },
    watch: () => fail("EINVAL", "epoll_ctl"),
  };
  let plugged = true;
  return kernel;
}
