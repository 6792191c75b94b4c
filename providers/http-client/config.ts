import { isIP } from "node:net";
import { z } from "zod";
import { duration, mebibytes, minutes, seconds, size } from "#provider";
import { parseAllowed } from "./allow.ts";

/** A list, or a text with commas: the values of a lattice's configuration are texts. */
const list = <T>(item: z.ZodType<T, string>, most: number) =>
  z
    .union([z.string().transform((text) => text.split(",").map((one) => one.trim())), z.array(z.string())])
    .pipe(z.array(item).max(most));

const allowed = z.string().transform((text, context) => {
  const entry = parseAllowed(text);
  if (entry !== undefined) return entry;
  context.addIssue(`found "${text}", want scheme://host:port, such as https://api.example or http://*.example:8080`);
  return z.NEVER;
});

const method = z.string().regex(/^[A-Z]{1,32}$/, "want a method in capitals, such as GET");

const network = z.string().refine((text) => {
  const [address = "", prefix, ...rest] = text.split("/");
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  if (most < 0 || rest.length > 0 || address.includes("%")) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= most);
}, "want an address or a network, such as 192.168.1.0/24");

const limit = () => duration().refine((value) => value >= 10 && value <= 86_400_000, "want 10ms to 1d");

const file = z.string().startsWith("/", "want an absolute path");

export const clientSchema = z.strictObject({
  /** No link allows more. */
  allow: list(allowed, 256).optional(),
  methods: list(method, 32).optional(),
  networks: list(network, 64).default([]),
  connect_timeout: limit().default(seconds(10)),
  first_byte_timeout: limit().default(seconds(60)),
  idle_timeout: limit().default(seconds(60)),
  total_timeout: limit().default(minutes(10)),
  max_response: size().default(mebibytes(64)),
  /** Of an instance, to one host and port. */
  max_connections: z.int().min(1).max(16).default(8),
  /** How long a connection without a request is kept; 0s closes it at once. */
  keep_alive: duration()
    .refine((value) => value <= 600_000, "want 0s to 10m")
    .default(seconds(15)),
  tls: z
    .strictObject({
      /** Only servers with a certificate of these authorities are trusted. */
      ca_file: file.optional(),
      cert_file: file.optional(),
      key_file: file.optional(),
    })
    .refine((tls) => (tls.cert_file === undefined) === (tls.key_file === undefined), {
      message: "want cert_file and key_file, or neither",
    })
    .default({}),
});
export type ClientConfig = z.infer<typeof clientSchema>;

export const linkSchema = z.strictObject({
  /** Without it, what the provider allows. */
  allow: list(allowed, 256).optional(),
  methods: list(method, 32).optional(),
  connect_timeout: limit().optional(),
  first_byte_timeout: limit().optional(),
  idle_timeout: limit().optional(),
  total_timeout: limit().optional(),
  max_response: size().optional(),
});
export type LinkConfig = z.infer<typeof linkSchema>;
