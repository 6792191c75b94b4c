import { z } from "zod";
import { duration, kibibytes, mebibytes, millis, minutes, seconds, size } from "#provider";
import { isAddress } from "./address.ts";

const file = z.string().startsWith("/", "want an absolute path");

/** One of these, or a list: the values of a lattice's configuration are texts. */
const oneOrMore = (item: z.ZodType<string, string>, most: number) =>
  z.union([item.transform((one) => [one]), z.array(item).max(most)]);

const address = () => z.string().refine(isAddress, "want host:port, such as 127.0.0.1:8080, or unix:/path");

/** Node takes 0 for no limit. */
const limit = (fallback: number) =>
  duration()
    .refine((value) => value >= 10 && value <= 86_400_000, "want 10ms to 1d")
    .default(millis(fallback));

export const httpSchema = z
  .strictObject({
    /** Where links without an address are served. */
    listen: oneOrMore(address(), 16).default([]),
    /** For all addresses but those of Unix sockets. */
    tls: z
      .strictObject({
        cert_file: file,
        key_file: file,
        /** With it, only clients with a certificate of these authorities get in. */
        client_ca_file: file.optional(),
      })
      .optional(),
    max_header_size: size().default(kibibytes(16)),
    max_connections: z.int().min(1).max(10_000).default(256),
    /** Of one network address. */
    max_client_connections: z.int().min(1).max(10_000).default(128),
    /** Requests being served, or waiting for a component, at a time. */
    max_requests: z.int().min(1).max(10_000).default(256),
    /** From the connection, or the end of the request before, to the end of the header. */
    header_timeout: limit(seconds(10)),
    /** In which nothing is sent of the request, or taken of the response. */
    idle_timeout: limit(seconds(10)),
    /** From the first byte of a request to its last. */
    request_timeout: limit(minutes(5)),
    /** How long a connection without a request stays. */
    keep_alive: limit(seconds(30)),
    /** How long requests wait for a component that is being replaced. */
    link_grace: limit(seconds(5)),
    /** How long requests may go on when their link ends. */
    drain_timeout: limit(seconds(10)),
    access_log: z.enum(["off", "debug", "info"]).default("debug"),
  })
  .refine((config) => config.header_timeout <= config.request_timeout, {
    path: ["header_timeout"],
    message: "want no more than request_timeout",
  });
export type HttpConfig = z.infer<typeof httpSchema>;

const path = z
  .string()
  .regex(/^\/[^\s?#]*$/, "want a path, such as /api")
  .max(1024)
  .transform((text) => (text === "/" ? text : text.replace(/\/+$/, "") || "/"));

const host = z
  .string()
  .max(253)
  .regex(/^(\*\.)?[A-Za-z0-9_-][A-Za-z0-9._-]*$|^\[[0-9A-Fa-f:.]+\]$/, "want a host without port, or *.domain")
  .transform((text) => text.toLowerCase());

export const linkSchema = z.strictObject({
  /** Served here alone, and not where the provider listens. */
  address: address().optional(),
  paths: oneOrMore(path, 64).default(["/"]),
  /** None: any host. */
  hosts: oneOrMore(host, 64).default([]),
  /** The component does not see the path that led to it. */
  strip_path: z.boolean().default(false),
  methods: oneOrMore(z.string().regex(/^[A-Z]{1,32}$/, "want a method in capitals, such as GET"), 32).optional(),
  max_body: size().default(mebibytes(8)),
});
export type LinkConfig = z.infer<typeof linkSchema>;
