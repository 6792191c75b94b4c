import { z } from "zod";
import { duration } from "#provider";

const HEX = /^(?:[0-9a-f]{2})*$/;

const bytes = (most: number) =>
  z
    .string()
    .toLowerCase()
    .transform((text) => text.replaceAll(" ", ""))
    .refine((text) => HEX.test(text), "want bytes in hexadecimal, such as 1a 2b")
    .refine((text) => text.length <= 2 * most, `want at most ${most} bytes`);

/** Keys of YAML are text by the time they are here. */
const number = (least: number, most: number) =>
  z
    .union([z.string(), z.number()])
    .transform((value) => (value === "" ? Number.NaN : Number(value)))
    .refine((value) => Number.isInteger(value) && value >= least && value <= most, {
      error: `want a number from 0x${least.toString(16)} to 0x${most.toString(16)}`,
    });

/** Seven bits, without those that the specification keeps for itself. */
const address = () => number(0x08, 0x77);

/** Zod's records have text as keys: each goes through `key` as well. */
const keyed = <K, V>(key: z.ZodType<K>, value: z.ZodType<V>) =>
  z.record(z.string(), value).transform((record, context) => {
    const entries = new Map<K, V>();
    for (const [text, item] of Object.entries(record)) {
      const result = key.safeParse(text);
      if (result.success && entries.has(result.data)) {
        context.addIssue({ code: "custom", path: [text], message: "is there already, written in another way" });
      } else if (result.success) entries.set(result.data, item);
      else context.addIssue({ code: "custom", path: [text], message: result.error.issues[0]?.message ?? "is wrong" });
    }
    return entries;
  });

const toBytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));

const device = z
  .strictObject({
    /** Content by the number of the first register. */
    registers: keyed(number(0, 255), bytes(256).transform(toBytes)).optional(),
    /** What is read after what was written. */
    answers: keyed(bytes(256), bytes(8192).transform(toBytes)).optional(),
  })
  .refine(({ registers, answers }) => (registers === undefined) !== (answers === undefined), {
    error: "want either registers or answers",
  });
export type SimulatedDevice = z.infer<typeof device>;

export const i2cSchema = z.strictObject({
  bus: z.discriminatedUnion("backend", [
    z.strictObject({
      backend: z.literal("kernel"),
      path: z.string().regex(/^\/dev\/./, "want a device file such as /dev/i2c-1"),
      timeout: duration()
        .refine((value) => value >= 10 && value <= 60_000, "want 10ms to 1m")
        .optional(),
    }),
    z.strictObject({ backend: z.literal("simulated"), devices: keyed(address(), device) }),
  ]),
});
export type I2cConfig = z.infer<typeof i2cSchema>;

export const linkSchema = z.strictObject({
  devices: z
    .record(
      z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/, "want a label such as climate: small letters, digits, - and _"),
      address(),
    )
    .refine((devices) => Object.keys(devices).length > 0, "want at least one device")
    .refine((devices) => Object.keys(devices).length <= 64, "want at most 64 devices"),
});
export type LinkConfig = z.infer<typeof linkSchema>;
