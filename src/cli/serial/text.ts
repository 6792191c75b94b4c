import type { Framed, PortReport } from "../../../providers/index.ts";
import { formatTable } from "../table.ts";

/** `petiole serial list` for people. */
export function formatPorts(ports: readonly PortReport[]): string {
  if (ports.length === 0) return "no serial ports";
  const rows = ports.map(({ path, driver, usb }) => [
    path,
    driver ?? "-",
    usb === undefined ? "-" : `${usb.vendorId}:${usb.productId}`,
    usb === undefined ? "-" : [usb.manufacturer, usb.product, usb.serialNumber].filter(Boolean).join(" ") || "-",
  ]);
  const lines = formatTable([["PORT", "DRIVER", "USB", "DEVICE"], ...rows]).split("\n");
  // The names that stay are long: a line of its own for each.
  return lines.flatMap((line, row) => [line, ...(ports[row - 1]?.links ?? []).map((link) => `  ${link}`)]).join("\n");
}

/** One frame, with the time of day. */
export function formatFramed(framed: Framed, now: Date, { hex }: { readonly hex?: true }): string {
  const time = now.toISOString().slice(11, 23);
  if (framed.kind === "dropped") return `${time}  dropped ${framed.bytes} bytes: ${framed.reason}`;
  const bytes = Buffer.from(framed.payload);
  return `${time}  ${String(bytes.length).padStart(4)}  ${hex === true || !isText(bytes) ? spaced(bytes) : bytes.toString()}`;
}

/** Bytes as hexadecimal digits, and as text when they are some. */
export function framedToJson(framed: Framed, now: Date): object {
  const time = now.toISOString();
  if (framed.kind === "dropped") return { time, dropped: framed.bytes, reason: framed.reason };
  const bytes = Buffer.from(framed.payload);
  return { time, hex: bytes.toString("hex"), ...(isText(bytes) ? { text: bytes.toString() } : {}) };
}

const spaced = (bytes: Buffer): string => bytes.toString("hex").replaceAll(/(..)(?=.)/g, "$1 ");

/** UTF-8 without control characters, which would move the cursor. */
function isText(bytes: Buffer): boolean {
  try {
    return !/(?!\t)\p{Cc}/u.test(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return false;
  }
}
