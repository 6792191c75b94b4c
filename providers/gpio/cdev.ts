// GPIO chips of the kernel, through their character devices.

import { isErrno, reasonOf, type DeviceIo } from "#provider";
import {
  GpioError,
  type ChipSource,
  type GpioChip,
  type LineEvent,
  type LineInfo,
  type LineRequest,
  type RequestOptions,
} from "./backend.ts";
import { toGpioError, trying } from "./errno.ts";
import {
  CALL,
  SIZE,
  decodeBits,
  decodeChipInfo,
  decodeDescriptor,
  decodeEvents,
  decodeLineInfo,
  encodeLineInfo,
  encodeLineRequest,
  encodeValues,
} from "./uapi.ts";

/** Edges of one read. */
const READ_EVENTS = 64;

const DEVICES = "/dev";
const IS_CHIP = /^gpiochip\d+$/;

/** Paths of the chips that there are, in the order of their numbers. @throws GpioError */
export function listChipPaths(io: DeviceIo): readonly string[] {
  const numberOf = (name: string): number => Number(name.slice("gpiochip".length));
  return trying(`cannot list ${DEVICES}`, () => io.list(DEVICES))
    .filter((name) => IS_CHIP.test(name))
    .sort((a, b) => numberOf(a) - numberOf(b))
    .map((name) => `${DEVICES}/${name}`);
}

/**
 * A chip by number, by name such as gpiochip0, by path, or by the label of its driver: the only one of these that stays
 * the same when drivers start in another order.
 * @throws GpioError
 */
export function openCdevChip(io: DeviceIo, which: number | string): GpioChip {
  if (typeof which === "number") return openPath(io, `${DEVICES}/gpiochip${which}`);
  if (which.startsWith("/")) return openPath(io, which);
  if (IS_CHIP.test(which)) return openPath(io, `${DEVICES}/${which}`);
  return openLabel(io, which);
}

function openLabel(io: DeviceIo, label: string): GpioChip {
  const seen: string[] = [];
  const found: GpioChip[] = [];
  let refused: GpioError | undefined;
  for (const path of listChipPaths(io)) {
    try {
      const chip = openPath(io, path);
      seen.push(chip.label);
      if (chip.label === label) found.push(chip);
      else close(chip);
    } catch (error) {
      if (!(error instanceof GpioError)) throw error;
      // It may be the one, or one that was unplugged a moment ago.
      refused ??= error.reason === "permission" ? error : undefined;
    }
  }
  const [first, ...others] = found;
  if (first !== undefined && others.length === 0) return first;
  found.forEach(close);
  if (first !== undefined) throw new GpioError("not-found", `${found.length} chips have the label "${label}"`);
  if (refused !== undefined) throw refused;
  const among = seen.length === 0 ? "there is none" : `found ${seen.join(", ")}`;
  throw new GpioError("not-found", `no chip has the label "${label}": ${among}`);
}

/** Its disposal ends before anybody can wait for it. */
const close = (chip: GpioChip): void => void chip[Symbol.asyncDispose]();

function openPath(io: DeviceIo, path: string): GpioChip {
  const descriptor = trying(`cannot open "${path}"`, () => io.open(path));
  let info: ReturnType<typeof decodeChipInfo>;
  try {
    const bytes = new Uint8Array(SIZE.chipInfo);
    trying(`"${path}" is no GPIO chip`, () => io.ioctl(descriptor, CALL.chipInfo, bytes));
    info = decodeChipInfo(bytes);
  } catch (error) {
    io.close(descriptor);
    throw error;
  }
  return createChip(io, descriptor, info);
}

function createChip(
  io: DeviceIo,
  descriptor: number,
  { name, label, lines }: ReturnType<typeof decodeChipInfo>,
): GpioChip {
  let open = true;
  const info = (offset: number): LineInfo => {
    const bytes = encodeLineInfo(offset);
    trying(`cannot ask chip "${label}" for line ${offset}`, () => io.ioctl(descriptor, CALL.lineInfo, bytes));
    return decodeLineInfo(bytes);
  };
  const isPresent = (): boolean => {
    try {
      io.ioctl(descriptor, CALL.chipInfo, new Uint8Array(SIZE.chipInfo));
      return true;
    } catch {
      return false;
    }
  };
  /** The kernel has one number for all lines together, and one for a chip that is gone and a line that has no interrupt. */
  const explain = (error: unknown, { lines: wanted }: RequestOptions): unknown => {
    if (isErrno(error, "EBUSY")) {
      const held = wanted.map(({ offset }) => info(offset)).find(({ usedBy }) => usedBy !== undefined);
      const text = held === undefined ? "a line is in use" : `line ${held.offset} is used by "${held.usedBy}"`;
      return new GpioError("busy", text, { cause: error });
    }
    if ((isErrno(error, "ENODEV") || isErrno(error, "ENXIO")) && isPresent()) {
      return new GpioError("unsupported", `chip "${label}" has no interrupts for edges of these lines`, {
        cause: error,
      });
    }
    return toGpioError(error, `chip "${label}" refuses the lines`);
  };
  return {
    name,
    label,
    lines,
    info,
    request(options) {
      const bytes = encodeLineRequest({ ...options, eventBuffer: options.eventBuffer ?? 0 });
      try {
        io.ioctl(descriptor, CALL.requestLines, bytes);
      } catch (error) {
        throw explain(error, options);
      }
      const check = (): void => {
        trying(`chip "${label}" is gone`, () => io.ioctl(descriptor, CALL.chipInfo, new Uint8Array(SIZE.chipInfo)));
      };
      const indexes = new Map(options.lines.map(({ offset }, i) => [offset, BigInt(i)]));
      return createRequest({ io, descriptor: decodeDescriptor(bytes), indexes, info, check });
    },
    async [Symbol.asyncDispose]() {
      if (!open) return;
      open = false;
      io.close(descriptor);
    },
  };
}

interface RequestDeps {
  readonly io: DeviceIo;
  readonly descriptor: number;
  /** Place of each line in the request. */
  readonly indexes: ReadonlyMap<number, bigint>;
  readonly info: (offset: number) => LineInfo;
  readonly check: () => void;
}

function createRequest({ io, descriptor, indexes, info, check }: RequestDeps): LineRequest {
  let onEvents: ((events: readonly LineEvent[]) => void) | undefined;
  let onLost: ((error: GpioError) => void) | undefined;
  let watch: Disposable | undefined;
  let open = true;

  const bitOf = (offset: number): bigint => {
    const index = indexes.get(offset);
    if (index === undefined) throw new GpioError("invalid-argument", `line ${offset} is not requested`);
    return 1n << index;
  };
  const lost = (error: NodeJS.ErrnoException | undefined): void => {
    onLost?.(
      new GpioError("disconnected", `the chip is gone: ${reasonOf(error ?? "end of its edges")}`, { cause: error }),
    );
  };
  /** The kernel tells of a chip that went by hanging up, also for lines without edges. */
  const start = (): void => {
    if (watch !== undefined || !open) return;
    watch = trying("cannot wait for edges", () =>
      io.watch(descriptor, {
        size: READ_EVENTS * SIZE.event,
        onData: (bytes) => onEvents?.(decodeEvents(bytes)),
        onEnd: lost,
      }),
    );
  };

  return {
    get(offsets) {
      const bits = offsets.map(bitOf);
      const mask = bits.reduce((all, bit) => all | bit, 0n);
      // The kernel refuses to read nothing.
      if (mask === 0n) return [];
      const bytes = encodeValues(0n, mask);
      trying("cannot read the lines", () => io.ioctl(descriptor, CALL.getValues, bytes));
      const levels = decodeBits(bytes);
      return bits.map((bit) => (levels & bit) !== 0n);
    },
    set(levels) {
      let bits = 0n;
      let mask = 0n;
      for (const [offset, level] of levels) {
        const bit = bitOf(offset);
        mask |= bit;
        if (level) bits |= bit;
      }
      if (mask === 0n) return;
      trying("cannot set the lines", () => io.ioctl(descriptor, CALL.setValues, encodeValues(bits, mask)));
    },
    onEvents(listener) {
      onEvents = listener;
      start();
    },
    onLost(listener) {
      onLost = listener;
      start();
    },
    check,
    info,
    async [Symbol.asyncDispose]() {
      if (!open) return;
      open = false;
      watch?.[Symbol.dispose]();
      io.close(descriptor);
    },
  };
}

/** Opens the chip anew each time, since it may have another number then. */
export function createCdevSource(io: DeviceIo, which: number | string): ChipSource {
  return { what: String(which), open: () => openCdevChip(io, which), [Symbol.asyncDispose]: async () => {} };
}
