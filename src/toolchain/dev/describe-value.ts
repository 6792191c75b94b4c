// Values that pass between components and providers, in one line.

const LONGEST = 120;
const LONGEST_ITEM = 60;
const MOST_BYTES = 24;
const MOST_ITEMS = 8;
const TIMES: ReadonlySet<string> = new Set(["timestamp", "deliveredAt"]);

export function describeArgs(args: readonly unknown[]): string {
  return cut(args.map((value) => describeValue(value)).join(", "), LONGEST);
}

/** Empty for what says nothing. */
export function describeResult(value: unknown): string | undefined {
  return value === undefined ? undefined : cut(describeValue(value), LONGEST);
}

export function describeValue(value: unknown): string {
  if (value instanceof Uint8Array) return describeBytes(value);
  if (Array.isArray(value)) {
    const items = value.slice(0, MOST_ITEMS).map((item: unknown) => describeValue(item));
    return `[${[...items, ...(value.length > MOST_ITEMS ? [`… ${value.length} in all`] : [])].join(", ")}]`;
  }
  if (ArrayBuffer.isView(value)) return describeValue([...(value as unknown as Iterable<unknown>)]);
  if (typeof value === "string") return JSON.stringify(cut(value, LONGEST_ITEM));
  if (value === undefined || value === null) return "none";
  return typeof value === "object" ? describeRecord(value) : `${value as number | bigint | boolean}`;
}

function describeRecord(record: object): string {
  // Nanoseconds since some start tell people nothing, and almost everything has them.
  const fields = Object.entries(record).filter(([key, value]) => value !== undefined && !TIMES.has(key));
  if ("tag" in record && typeof record.tag === "string") {
    return "val" in record && record.val !== undefined ? `${record.tag}(${describeValue(record.val)})` : record.tag;
  }
  return `{${fields.map(([key, value]) => `${key}: ${describeValue(value)}`).join(", ")}}`;
}

/** Text when it is some, else hexadecimal. */
function describeBytes(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("utf8");
  if (bytes.length > 0 && !/[\p{Cc}\ufffd]/u.test(text.replaceAll(/[\n\t]/g, " "))) {
    return JSON.stringify(cut(text, LONGEST_ITEM));
  }
  const hex = Buffer.from(bytes.subarray(0, MOST_BYTES)).toString("hex");
  return bytes.length > MOST_BYTES ? `0x${hex}… (${bytes.length} bytes)` : `0x${hex}`;
}

const cut = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
