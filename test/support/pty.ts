// Real pseudo-terminals: what a serial port is to a driver, without hardware.

import { closeSync, constants, mkdtempSync, openSync, rmSync, symlinkSync, writeSync } from "node:fs";
import { once } from "node:events";
import { dlopen } from "node:ffi";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ReadStream } from "node:tty";

// From the kernel's asm-generic/ioctls.h, the same on x86-64 and arm64.
const TIOCSPTLCK = 0x4004_5431n;
const TIOCGPTN = 0x8004_5430n;
const TCGETS = 0x5401n;
const TCSETS = 0x5402n;
const TERMIOS_SIZE = 36;
const CFLAG_OFFSET = 8;
const LFLAG_OFFSET = 12;
const CSIZE_MASK = 0o60;
const PARENB = 0o400;
const CS8 = 0o60;

const libc = dlopen(null, {
  ioctl: { arguments: ["i32", "u64", "buffer"], return: "i32" },
});

function ioctl(fd: number, request: bigint, argument: Buffer): void {
  if (libc.functions.ioctl(fd, request, argument) < 0) throw new Error(`ioctl 0x${request.toString(16)} failed`);
}

/** The far end of a cable whose near end is the serial port at `path`. */
export interface Pty extends AsyncDisposable {
  /** Device file of the near end, such as `/dev/pts/3`. */
  readonly path: string;
  /** Sends at once, and up to some 4 KiB that nobody has read yet. */
  write(bytes: string | Uint8Array): void;
  /** What has arrived and was not taken yet. */
  take(): Buffer;
  /** Waits until at least `length` bytes have arrived, and takes all that is there. */
  read(length: number): Promise<Buffer>;
  /** The far end stops taking bytes, or goes on: what is sent fills the kernel's buffers then. */
  stall(stalled: boolean): void;
  /** Pulls the cable's device out: the near end is hung up and its device file vanishes. */
  unplug(): Promise<void>;
}

export interface PtyOptions {
  /** Takes what arrives, instead of `take` and `read`. */
  readonly onData?: (chunk: Buffer) => void;
}

export function openPty({ onData }: PtyOptions = {}): Pty {
  const master = openSync("/dev/ptmx", constants.O_RDWR | constants.O_NOCTTY);
  const answer = Buffer.alloc(4);
  ioctl(master, TIOCSPTLCK, answer);
  ioctl(master, TIOCGPTN, answer);
  const path = `/dev/pts/${answer.readUInt32LE()}`;
  // Without any open near end the far end reads EIO; this one keeps the cable up while drivers come and go.
  const keeper = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
  makeRaw(keeper);

  // libuv polls terminals: unlike a read through `fs`, a stream does not occupy a thread of the pool.
  const input = new ReadStream(master);
  let received = Buffer.alloc(0);
  let wake = Promise.withResolvers<void>();
  input.on("data", (chunk: Buffer) => {
    if (onData !== undefined) return onData(chunk);
    received = Buffer.concat([received, chunk]);
    wake.resolve();
    wake = Promise.withResolvers();
  });
  // Both ends go away together in `unplug`; what the stream says about it is expected.
  input.on("error", () => {});

  const take = (): Buffer => {
    const all = received;
    received = Buffer.alloc(0);
    return all;
  };

  let unplugged: Promise<void> | undefined;
  const unplug = async (): Promise<void> => {
    const closed = once(input, "close");
    input.destroy();
    closeSync(keeper);
    await closed;
  };

  const pty: Pty = {
    path,
    write: (bytes) => {
      const chunk = Buffer.from(bytes);
      if (writeSync(master, chunk) !== chunk.length)
        throw new Error("The near end has not read what was written before");
    },
    take,
    async read(length) {
      while (received.length < length) await wake.promise;
      return take();
    },
    stall: (stalled) => void (stalled ? input.pause() : input.resume()),
    unplug: async () => await (unplugged ??= unplug()),
    [Symbol.asyncDispose]: async () => await pty.unplug(),
  };
  return pty;
}

/** Eight bits, no echo, no translation, no signals: what a serial driver sets, also before any opens the port. */
function makeRaw(fd: number): void {
  const termios = Buffer.alloc(TERMIOS_SIZE);
  ioctl(fd, TCGETS, termios);
  termios.writeUInt32LE(0, 0);
  termios.writeUInt32LE(0, 4);
  const control = termios.readUInt32LE(CFLAG_OFFSET);
  termios.writeUInt32LE(((control & ~(CSIZE_MASK | PARENB)) | CS8) >>> 0, CFLAG_OFFSET);
  termios.writeUInt32LE(0, LFLAG_OFFSET);
  ioctl(fd, TCSETS, termios);
}

/** A name below `/dev/serial/by-id`, as udev makes it: it points at whatever device has been plugged in last. */
export interface Socket extends Disposable {
  readonly path: string;
  plug(pty: Pty): void;
  remove(): void;
}

export function createSocket(): Socket {
  const folder = mkdtempSync(join(tmpdir(), "petiole-by-id-"));
  const path = join(folder, "usb-sensor-port0");
  const remove = (): void => rmSync(path, { force: true });
  return {
    path,
    plug: (pty) => {
      remove();
      symlinkSync(pty.path, path);
    },
    remove,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
