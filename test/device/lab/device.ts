// A device of the lab: a disk that stays, a machine that QEMU plays when it has power, a cable to the hub, and a serial line.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { freePort } from "../../support/ports.ts";
import { waitFor } from "../../support/wait-for.ts";
import { askQemu } from "./qmp.ts";
import type { Boot } from "./rootfs.ts";

export interface DeviceOptions {
  /** For its disk, sockets and logs. */
  readonly folder: string;
  /** An image in the format qcow2. */
  readonly disk: string;
  readonly boot: Boot;
  /** Of a Raspberry Pi 4, unless it has to be newer. */
  readonly cpu?: "cortex-a72" | "cortex-a76";
  readonly memory?: `${number}M`;
  /** An empty second disk, /dev/vdb. */
  readonly second?: string;
  /** More for the kernel's command line. */
  readonly parameters?: readonly string[];
  /** Ports of this machine's loopback that the device reaches at 10.0.2.100, by the port that it sees. */
  readonly services?: Readonly<Record<number, number>>;
}

export interface Device extends AsyncDisposable {
  /** A Unix socket of this machine that leads to the agent's control socket. */
  readonly control: string;
  /** A Unix socket that is the other end of the serial line /dev/ttyS0. */
  readonly serial: string;
  /** Gives it power and waits until it takes commands; resolves with how long that took, in seconds. */
  start(options?: { readonly cable?: "in" | "out" }): Promise<number>;
  /** Takes the power away: what the disk was not told to flush may be gone. */
  cut(): Promise<void>;
  /** Shuts it down as one does. */
  powerOff(): Promise<void>;
  /** Puts the cable to the hub in, or out. */
  cable(state: "in" | "out"): Promise<void>;
  /** Runs a script of bash as root. @throws Error unless it ends with 0 */
  exec(script: string, options?: ExecOptions): Promise<string>;
  /** The same, whatever it ends with. */
  try(script: string, options?: ExecOptions): Promise<{ readonly status: number; readonly output: string }>;
}

export interface ExecOptions {
  /** The emulator is slow, and the machine may be busy. */
  readonly seconds?: number;
  readonly input?: Uint8Array;
}

const READY_SECONDS = 600;
const EXEC_SECONDS = 600;
/** In the device; see the units in guest/. */
const PORTS = { exec: 1100, control: 1101 } as const;
const HUB_MAC = "52:54:00:6c:61:01";
const LAB_MAC = "52:54:00:6c:61:02";

/** QEMU runs it for each connection; QEMU's own way has one connection for all. */
const FORWARD = `#!/bin/bash
exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
cat <&3 &
trap 'kill %1 2>/dev/null' EXIT
cat >&3
`;

export async function createDevice(options: DeviceOptions): Promise<Device> {
  const { folder, disk, second } = options;
  const at = (name: string): string => join(folder, name);
  await writeFile(at("forward"), FORWARD);
  await chmod(at("forward"), 0o755);
  const ports = { exec: await freePort(), control: await freePort() };
  const control = await listenFor(at("control"), ports.control);
  let machine: ChildProcess | undefined;
  let boots = 0;

  function compose(parameters: readonly string[]): string[] {
    const forwards = Object.entries(options.services ?? {}).map(
      ([port, here]) => `,guestfwd=tcp:10.0.2.100:${port}-cmd:${at("forward")} ${here}`,
    );
    const inward = (["exec", "control"] as const).map(
      (name) => `,hostfwd=tcp:127.0.0.1:${ports[name]}-10.0.3.15:${PORTS[name]}`,
    );
    const kernel = ["console=ttyAMA0 net.ifnames=0 panic=-1 systemd.show_status=1", ...parameters].join(" ");
    return [
      ["-M", "virt,gic-version=3", "-cpu", options.cpu ?? "cortex-a72", "-smp", "2", "-m", options.memory ?? "1024M"],
      ["-accel", "tcg,thread=multi,tb-size=256", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
      ["-kernel", options.boot.kernel, "-initrd", options.boot.initrd, "-append", kernel],
      ["-drive", `if=none,id=disk,file=${disk},format=qcow2,cache=writeback`, "-device", "virtio-blk-pci,drive=disk"],
      second === undefined ? [] : ["-drive", `if=virtio,file=${second},format=qcow2,cache=writeback`],
      ["-netdev", `user,id=hub,restrict=on,net=10.0.2.0/24${forwards.join("")}`],
      ["-device", `virtio-net-pci,netdev=hub,id=cable,mac=${HUB_MAC},romfile=`],
      ["-netdev", `user,id=lab,restrict=on,net=10.0.3.0/24${inward.join("")}`],
      ["-device", `virtio-net-pci,netdev=lab,mac=${LAB_MAC},romfile=`],
      ["-object", "rng-random,id=random,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=random"],
      ["-chardev", `socket,id=line,path=${at("serial")},server=on,wait=off`, "-device", "pci-serial,chardev=line"],
      ["-qmp", `unix:${at("qmp")},server=on,wait=off`, "-serial", "stdio"],
    ].flat();
  }

  async function end(): Promise<void> {
    if (machine === undefined) return;
    const ended = once(machine, "exit");
    // QEMU holds what the device did not flush in its own memory, in part: the end of the process is that of a cache.
    if (machine.exitCode === null && machine.signalCode === null) {
      machine.kill("SIGKILL");
      await ended;
    }
    machine = undefined;
  }

  const pull: Device["cable"] = (state) => askQemu(at("qmp"), "set_link", { name: "cable", up: state === "in" });

  const attempt: Device["try"] = async (script, { seconds = EXEC_SECONDS, input = new Uint8Array() } = {}) => {
    const text = Buffer.from(script);
    const head = Buffer.from(`${seconds} ${text.length} ${input.length}\n`);
    const answer = await exchange(ports.exec, [head, text, input], seconds + 60);
    const [, output, status] = /^([^]*)\n#status (\d+)\n$/.exec(answer) ?? [];
    if (output === undefined) throw new Error(`The device broke off: ${answer.slice(-500)}`);
    return { status: Number(status), output };
  };

  return {
    control: at("control"),
    serial: at("serial"),
    start: async ({ cable = "in" } = {}) => {
      const begin = performance.now();
      boots += 1;
      const console = createWriteStream(at(`console-${boots}.log`));
      const child = spawn("qemu-system-aarch64", compose(options.parameters ?? []), {
        stdio: ["ignore", "pipe", "pipe"],
      });
      machine = child;
      child.stdout.pipe(console, { end: false });
      child.stderr.pipe(console, { end: false });
      // Long before the device looks for it.
      if (cable === "out") await waitFor("QEMU to answer", async () => (await pull("out"), true));
      await waitFor(
        "the device to take commands",
        async () => {
          if (child.exitCode !== null || child.signalCode !== null) return "ended";
          return (await attempt("true", { seconds: 20 })).status === 0;
        },
        READY_SECONDS * 1000,
      );
      if (child.exitCode !== null)
        throw new Error(`The device went off while it booted: ${at(`console-${boots}.log`)}`);
      return (performance.now() - begin) / 1000;
    },
    cut: end,
    powerOff: async () => {
      await attempt("systemctl --no-block poweroff");
      const child = machine;
      await waitFor("the device to go off", () => child === undefined || child.exitCode !== null, READY_SECONDS * 1000);
      machine = undefined;
    },
    cable: pull,
    exec: async (script, execOptions) => {
      const { status, output } = await attempt(script, execOptions);
      if (status !== 0) throw new Error(`"${script.slice(0, 200)}" ended with ${status}: ${output.slice(-2000)}`);
      return output;
    },
    try: attempt,
    async [Symbol.asyncDispose]() {
      control.close();
      await end();
    },
  };
}

/** Sends everything and gives everything that comes until the other side is done. */
async function exchange(port: number, parts: readonly Uint8Array[], seconds: number): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  const late = setTimeout(() => socket.destroy(new Error(`No answer in ${seconds} s`)), seconds * 1000);
  try {
    for (const part of parts) socket.write(part);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString();
  } finally {
    clearTimeout(late);
    socket.destroy();
  }
}

/** Programs of this machine know Unix sockets, QEMU's forwarding TCP. */
async function listenFor(path: string, port: number): Promise<Server> {
  const join = (near: Socket): void => {
    const far = connect(port, "127.0.0.1");
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
      one.pipe(other);
    }
  };
  const server = createServer(join).listen(path);
  await once(server, "listening");
  return server;
}
