// The kernel's side of the GPIO character device, second version, in memory: descriptors and the numbers of the calls in
// front, simulated chips behind. It takes its structs apart by the offsets of <linux/gpio.h> and not with the code under
// test, and is as strict as the kernel: what is reserved must be zero, and flags must fit together.

import { getSystemErrorMap } from "node:util";
import { millis } from "../../src/domain/units.ts";
import { systemError, type DeviceIo, type WatchOptions } from "../../src/lib/device-io.ts";
import {
  GpioError,
  type GpioErrorReason,
  type LineEvent,
  type LineInfo,
  type LineRequest,
  type LineSettings,
} from "../../providers/gpio/backend.ts";
import type { SimulatedChip } from "../../providers/gpio/simulated.ts";

export interface FakeGpioKernel extends DeviceIo {
  /** Chips by path. A chip can be taken away and come back under another path. */
  readonly chips: Map<string, SimulatedChip>;
  /** Paths that this process may not open. */
  readonly forbidden: Set<string>;
  /** Descriptors that are open. */
  readonly descriptors: number;
}

interface Request {
  readonly request: LineRequest;
  readonly settings: readonly LineSettings[];
  watch: WatchOptions | undefined;
  /** The line is gone: what the next watch is told. */
  lost: boolean;
}

type File = { readonly chip: SimulatedChip; readonly name: string } | Request;

const ERRNO: Readonly<Record<GpioErrorReason, string>> = {
  busy: "EBUSY",
  disconnected: "ENODEV",
  "invalid-argument": "EINVAL",
  unsupported: "ENOTSUP",
  "not-found": "ENOENT",
  permission: "EACCES",
  failed: "EIO",
};

function fail(code: string, call = "ioctl"): never {
  const [negative] = [...getSystemErrorMap()].find(([, [name]]) => name === code) ?? [-5];
  throw systemError(negative, call);
}

const want = (condition: boolean): void => {
  if (!condition) fail("EINVAL");
};

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const isZero = (bytes: Uint8Array, start: number, length: number): boolean =>
  bytes.subarray(start, start + length).every((byte) => byte === 0);
const put = (bytes: Uint8Array, offset: number, text: string): void => {
  bytes.fill(0, offset, offset + 32);
  bytes.set(Buffer.from(text).subarray(0, 31), offset);
};

export function createFakeGpioKernel(chips: readonly (readonly [string, SimulatedChip])[]): FakeGpioKernel {
  const files = new Map<number, File>();
  let next = 100;
  const byPath = new Map(chips);
  const forbidden = new Set<string>();

  const add = (file: File): number => {
    next += 1;
    files.set(next, file);
    return next;
  };

  const fileOf = (descriptor: number): File => files.get(descriptor) ?? fail("EBADF");

  const onChip = (chip: SimulatedChip, name: string, number: number, bytes: Uint8Array): void => {
    switch (number) {
      case 0x8044b401:
        chip.info(0);
        put(bytes, 0, name);
        put(bytes, 32, chip.label);
        view(bytes).setUint32(64, chip.lines, true);
        return;
      case 0xc100b405:
        want(isZero(bytes, 240, 16));
        writeInfo(bytes, chip.info(view(bytes).getUint32(64, true)));
        return;
      case 0xc250b407: {
        const { consumer, settings, eventBuffer } = readRequest(bytes);
        const request = chip.request({ consumer, lines: settings, eventBuffer });
        const file: Request = { request, settings, watch: undefined, lost: false };
        request.onLost(() => {
          file.lost = true;
          file.watch?.onEnd(systemError(-19, "read"));
        });
        view(bytes).setInt32(588, add(file), true);
        return;
      }
      default:
        fail("ENOTTY");
    }
  };

  const onLines = ({ request, settings }: Request, number: number, bytes: Uint8Array): void => {
    const bits = view(bytes).getBigUint64(0, true);
    const mask = view(bytes).getBigUint64(8, true);
    const chosen = settings.flatMap(({ offset }, i) =>
      ((mask >> BigInt(i)) & 1n) === 1n ? [[i, offset] as const] : [],
    );
    want(chosen.length > 0);
    if (number === 0xc010b40e) {
      const levels = request.get(chosen.map(([, offset]) => offset));
      const read = chosen.reduce((all, [i], at) => (levels[at] === true ? all | (1n << BigInt(i)) : all), 0n);
      view(bytes).setBigUint64(0, read, true);
    } else if (number === 0xc010b40f) {
      if (chosen.some(([i]) => settings[i]?.direction !== "output")) fail("EPERM");
      request.set(new Map(chosen.map(([i, offset]) => [offset, ((bits >> BigInt(i)) & 1n) === 1n])));
    } else fail("ENOTTY");
  };

  return {
    chips: byPath,
    forbidden,
    get descriptors() {
      return files.size;
    },
    list: (folder) =>
      [...byPath.keys(), "/dev/null", "/dev/gpio"]
        .filter((path) => path.startsWith(`${folder}/`))
        .map((path) => path.slice(folder.length + 1)),
    open(path) {
      if (forbidden.has(path)) fail("EACCES", "open");
      const chip = byPath.get(path) ?? fail("ENOENT", "open");
      return add({ chip, name: path.split("/").at(-1) ?? "" });
    },
    close(descriptor) {
      const file = fileOf(descriptor);
      files.delete(descriptor);
      if ("request" in file) void file.request[Symbol.asyncDispose]();
    },
    ioctl(descriptor, number, argument) {
      const file = fileOf(descriptor);
      if (typeof argument === "number") fail("EFAULT");
      if (argument.length < ((number >>> 16) & 0x3fff))
        throw new TypeError("The argument is smaller than it has to be");
      try {
        if ("request" in file) onLines(file, number, argument);
        else onChip(file.chip, file.name, number, argument);
      } catch (error) {
        if (!(error instanceof GpioError)) throw error;
        fail(ERRNO[error.reason]);
      }
      return 0;
    },
    async ioctlLater(descriptor, number, argument) {
      return this.ioctl(descriptor, number, argument);
    },
    watch(descriptor, options) {
      const file = fileOf(descriptor);
      if (!("request" in file)) fail("EPERM", "epoll_ctl");
      want(options.size >= 48);
      file.watch = options;
      const most = Math.floor(options.size / 48);
      file.request.onEvents((events) => {
        for (let i = 0; i < events.length; i += most) file.watch?.onData(writeEvents(events.slice(i, i + most)));
      });
      if (file.lost) setImmediate(() => file.watch?.onEnd(systemError(-19, "read")));
      return {
        [Symbol.dispose]: () => {
          file.watch = undefined;
        },
      };
    },
  };
}

function writeInfo(bytes: Uint8Array, info: LineInfo): void {
  const biases = { "as-is": 0, "pull-up": 0x100, "pull-down": 0x200, disabled: 0x400 };
  const edges = { none: 0, rising: 0x10, falling: 0x20, both: 0x30 };
  const drives = { "push-pull": 0, "open-drain": 0x40, "open-source": 0x80 };
  const flags =
    (info.usedBy === undefined ? 0 : 0x1) |
    (info.activeLow ? 0x2 : 0) |
    (info.direction === "output" ? 0x8 : 0x4) |
    edges[info.edges] |
    drives[info.drive] |
    biases[info.bias];
  bytes.fill(0);
  put(bytes, 0, info.name);
  put(bytes, 32, info.usedBy ?? "");
  view(bytes).setUint32(64, info.offset, true);
  view(bytes).setUint32(72, flags, true);
  if (info.debounce === 0) return;
  view(bytes).setUint32(68, 1, true);
  view(bytes).setUint32(80, 3, true);
  view(bytes).setUint32(88, Math.round(info.debounce * 1000), true);
}

function writeEvents(events: readonly LineEvent[]): Uint8Array {
  const bytes = new Uint8Array(48 * events.length);
  for (const [i, event] of events.entries()) {
    const one = view(bytes.subarray(48 * i));
    one.setBigUint64(0, event.timestamp, true);
    one.setUint32(8, event.edge === "rising" ? 1 : 2, true);
    one.setUint32(12, event.offset, true);
    one.setUint32(16, event.sequence, true);
    one.setUint32(20, event.lineSequence, true);
  }
  return bytes;
}

function readRequest(bytes: Uint8Array): {
  readonly consumer: string;
  readonly settings: readonly LineSettings[];
  readonly eventBuffer: number;
} {
  const data = view(bytes);
  const count = data.getUint32(560, true);
  const attributes = data.getUint32(296, true);
  want(count >= 1 && count <= 64 && attributes <= 10);
  want(isZero(bytes, 300, 20) && isZero(bytes, 320 + 24 * attributes, 240 - 24 * attributes) && isZero(bytes, 568, 20));
  want(isZero(bytes, 4 * count, 256 - 4 * count));
  const consumer = bytes.subarray(256, 288);
  want(consumer.includes(0));

  const settings = Array.from({ length: count }, (_, i): LineSettings => {
    let flags = data.getBigUint64(288, true);
    let values = 0n;
    let debounce = 0;
    for (let a = 0; a < attributes; a += 1) {
      const at = 320 + 24 * a;
      want(isZero(bytes, at + 4, 4));
      if (((data.getBigUint64(at + 16, true) >> BigInt(i)) & 1n) === 0n) continue;
      const id = data.getUint32(at, true);
      if (id === 1) flags = data.getBigUint64(at + 8, true);
      else if (id === 2) values = data.getBigUint64(at + 8, true);
      else if (id === 3) debounce = data.getUint32(at + 8, true);
      else fail("EINVAL");
    }
    return readLine(data.getUint32(4 * i, true), Number(flags), ((values >> BigInt(i)) & 1n) === 1n, debounce);
  });
  const eventBuffer = data.getUint32(564, true);
  return { consumer: Buffer.from(consumer.subarray(0, consumer.indexOf(0))).toString(), settings, eventBuffer };
}

function readLine(offset: number, flags: number, initial: boolean, debounce: number): LineSettings {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const exclusive = (...all: number[]): void => want(all.filter(has).length <= 1);
  want((flags & ~0x1ffe) === 0);
  exclusive(0x4, 0x8);
  exclusive(0x40, 0x80);
  exclusive(0x100, 0x200, 0x400);
  exclusive(0x800, 0x1000);
  want(has(0x4) || !has(0x30));
  want(has(0x8) || !has(0xc0));
  want(has(0xc) || !has(0x700));
  want(has(0x4) || debounce === 0);
  return {
    offset,
    direction: has(0x8) ? "output" : has(0x4) ? "input" : "as-is",
    activeLow: has(0x2),
    bias: has(0x100) ? "pull-up" : has(0x200) ? "pull-down" : has(0x400) ? "disabled" : "as-is",
    drive: has(0x40) ? "open-drain" : has(0x80) ? "open-source" : "push-pull",
    edges: has(0x10) ? (has(0x20) ? "both" : "rising") : has(0x20) ? "falling" : "none",
    debounce: millis(debounce / 1000),
    clock: has(0x800) ? "realtime" : has(0x1000) ? "hardware" : "monotonic",
    initial,
  };
}
