import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { test } from "vitest";
import { listSerialPorts } from "./list.ts";

/** A tree of files and links, as sysfs and devtmpfs have them. */
function createTree(files: Readonly<Record<string, string>>, links: Readonly<Record<string, string>>) {
  const root = mkdtempSync(join(tmpdir(), "petiole-sysfs-"));
  const place = (path: string): string => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    return join(root, path);
  };
  for (const [path, text] of Object.entries(files)) writeFileSync(place(path), `${text}\n`);
  for (const [path, target] of Object.entries(links)) {
    mkdirSync(join(root, target), { recursive: true });
    symlinkSync(relative(dirname(place(path)), join(root, target)), join(root, path));
  }
  return {
    options: { sys: join(root, "sys"), dev: join(root, "dev") },
    [Symbol.dispose]: () => rmSync(root, { recursive: true }),
  };
}

test("listSerialPorts() tells ports with a device from all other terminals, and what is behind them", async ({
  expect,
}) => {
  const usb = "sys/devices/platform/usb1/1-1/1-1.3";
  const uart = "sys/devices/platform/soc/fe201000.serial";
  const isa = "sys/devices/platform/serial8250";
  using tree = createTree(
    {
      [`${usb}/idVendor`]: "0403",
      [`${usb}/idProduct`]: "6001",
      [`${usb}/manufacturer`]: "FTDI",
      [`${usb}/product`]: "FT232R USB UART",
      [`${usb}/serial`]: "A10001",
      "sys/class/tty/ttyAMA0/type": "32",
      "sys/class/tty/ttyS0/type": "0",
      "sys/class/tty/ttyS1/type": "4",
      "sys/class/tty/tty1/dev": "4:1",
    },
    {
      "sys/class/tty/ttyUSB0/device": `${usb}/1-1.3:1.0/ttyUSB0`,
      [`${usb}/1-1.3:1.0/ttyUSB0/driver`]: "sys/bus/usb-serial/drivers/ftdi_sio",
      [`${usb}/driver`]: "sys/bus/usb/drivers/usb",
      "sys/class/tty/ttyUSB10/device": `${usb}/1-1.3:1.1/ttyUSB10`,
      "sys/class/tty/ttyAMA0/device": `${uart}/fe201000.serial:0/fe201000.serial:0.0`,
      [`${uart}/fe201000.serial:0/fe201000.serial:0.0/driver`]: "sys/bus/serial-base/drivers/port",
      [`${uart}/fe201000.serial:0/driver`]: "sys/bus/serial-base/drivers/ctrl",
      [`${uart}/driver`]: "sys/bus/amba/drivers/uart-pl011",
      "sys/class/tty/ttyS0/device": isa,
      "sys/class/tty/ttyS1/device": isa,
      "dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A10001-if00-port0": "dev/ttyUSB0",
      "dev/serial/by-path/platform-usb-0:1.3:1.0-port0": "dev/ttyUSB0",
      "dev/serial0": "dev/ttyAMA0",
      "dev/serial/by-id/dangling": "dev/ttyUSB7",
    },
  );
  const { dev } = tree.options;
  expect(await listSerialPorts(tree.options)).toEqual([
    { path: join(dev, "ttyAMA0"), links: [join(dev, "serial0")], driver: "uart-pl011", usb: undefined },
    { path: join(dev, "ttyS1"), links: [], driver: undefined, usb: undefined },
    {
      path: join(dev, "ttyUSB0"),
      links: [
        join(dev, "serial/by-id/usb-FTDI_FT232R_USB_UART_A10001-if00-port0"),
        join(dev, "serial/by-path/platform-usb-0:1.3:1.0-port0"),
      ],
      driver: "ftdi_sio",
      usb: {
        vendorId: "0403",
        productId: "6001",
        manufacturer: "FTDI",
        product: "FT232R USB UART",
        serialNumber: "A10001",
      },
    },
    expect.objectContaining({
      path: join(dev, "ttyUSB10"),
      usb: expect.objectContaining({ serialNumber: "A10001" }) as object,
    }),
  ]);
});

test("listSerialPorts() finds none where there is no sysfs, and does not fail", async ({ expect }) => {
  expect(await listSerialPorts({ sys: "/nonexistent/sys", dev: "/nonexistent/dev" })).toEqual([]);
});
