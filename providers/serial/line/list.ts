// The serial ports of this machine, from sysfs. The `list` of the serialport package runs udevadm, and takes the
// process down where that is missing.

import { readdir, readFile, readlink, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

export interface UsbReport {
  /** Four hexadecimal digits. */
  readonly vendorId: string;
  readonly productId: string;
  readonly manufacturer: string | undefined;
  readonly product: string | undefined;
  readonly serialNumber: string | undefined;
}

export interface PortReport {
  /** Device file as the kernel names it; may be another one after replugging. */
  readonly path: string;
  /** Names that stay: below by-id they go with the device, below by-path with the socket it is in. */
  readonly links: readonly string[];
  readonly driver: string | undefined;
  readonly usb: UsbReport | undefined;
}

export interface ListPortsOptions {
  /** Where sysfs is mounted. */
  readonly sys?: string;
  readonly dev?: string;
}

/** How far a USB device is above the port in the tree of devices, at most. */
const MOST_LEVELS = 8;

/** A machine without serial ports has none; what vanishes meanwhile is left out. */
export async function listSerialPorts({ sys = "/sys", dev = "/dev" }: ListPortsOptions = {}): Promise<
  readonly PortReport[]
> {
  const folder = join(sys, "class", "tty");
  const names = await listed(folder);
  const links = await linksInto(dev);
  const reports = await Promise.all(
    names.map(async (name): Promise<PortReport | undefined> => {
      // Terminals without a device are consoles and pseudo-terminals.
      const device = await realpath(join(folder, name, "device")).catch(() => undefined);
      // 8250 drivers make ports that no chip is behind; their type is 0.
      if (device === undefined || (await textOf(join(folder, name, "type"))) === "0") return undefined;
      const path = join(dev, name);
      return { path, links: links.get(name) ?? [], driver: await driverOf(device, sys), usb: await usbOf(device, sys) };
    }),
  );
  return reports
    .filter((report) => report !== undefined)
    .sort((a, b) => a.path.localeCompare(b.path, "en", { numeric: true }));
}

async function listed(folder: string): Promise<readonly string[]> {
  return await readdir(folder).catch(() => []);
}

/** Undefined when there is no such attribute. */
async function textOf(file: string): Promise<string | undefined> {
  const text = (await readFile(file, "utf8").catch(() => "")).trim();
  return text === "" ? undefined : text;
}

/** The device and those above it, up to the root of the tree. */
function* lineage(device: string, sys: string): Generator<string> {
  let one = device;
  for (let level = 0; level < MOST_LEVELS && one.startsWith(join(sys, "devices")); level += 1) {
    yield one;
    one = dirname(one);
  }
}

async function driverOf(device: string, sys: string): Promise<string | undefined> {
  for (const one of lineage(device, sys)) {
    const driver = basename(await readlink(join(one, "driver")).catch(() => ""));
    // Since Linux 6.5 there are two devices of the serial core between a port and its own.
    if (driver !== "" && driver !== "port" && driver !== "ctrl") return driver;
  }
  return undefined;
}

async function usbOf(device: string, sys: string): Promise<UsbReport | undefined> {
  for (const one of lineage(device, sys)) {
    const vendorId = await textOf(join(one, "idVendor"));
    const productId = await textOf(join(one, "idProduct"));
    if (vendorId === undefined || productId === undefined) continue;
    const [manufacturer, product, serialNumber] = await Promise.all(
      ["manufacturer", "product", "serial"].map(async (name) => await textOf(join(one, name))),
    );
    return { vendorId, productId, manufacturer, product, serialNumber };
  }
  return undefined;
}

/** By the name of the device file that they lead to: udev's links, and those of boards, such as /dev/serial0. */
async function linksInto(dev: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const candidates = [
    ...(await listed(join(dev, "serial", "by-id"))).map((name) => join(dev, "serial", "by-id", name)),
    ...(await listed(join(dev, "serial", "by-path"))).map((name) => join(dev, "serial", "by-path", name)),
    ...(await listed(dev)).filter((name) => /^serial\d+$/.test(name)).map((name) => join(dev, name)),
  ].sort();
  const found = new Map<string, string[]>();
  for (const link of candidates) {
    const target = await readlink(link).catch(() => undefined);
    if (target === undefined) continue;
    const name = basename(target);
    found.set(name, [...(found.get(name) ?? []), link]);
  }
  return found;
}
