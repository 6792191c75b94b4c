import { z } from "zod";
import { duration, mebibytes, seconds, size } from "#provider";
import { topicFilter } from "./link-config.ts";
import { isPasswordHash } from "./password.ts";

const file = z.string().startsWith("/", "want an absolute path");

const LOOPBACK = /^(127\.|\[::1\]|localhost:)/;

const rights = {
  /** Topics that may be published to, and filters that may be subscribed to. `%u` stands for the user, `%c` for the client. */
  publish: z.array(topicFilter()).max(64).default(["#"]),
  subscribe: z.array(topicFilter()).max(64).default(["#"]),
};

const user = z
  .strictObject({
    username: z.string().min(1),
    password_hash: z.string().refine(isPasswordHash, "want a hash of mosquitto_passwd, such as $7$101$…$…").optional(),
    /** Meant for `{ secret: … }`, which has become text by now. */
    password: z.string().min(1).max(65_535).optional(),
    password_file: file.optional(),
    ...rights,
  })
  .refine(
    ({ password, password_file, password_hash }) =>
      [password, password_file, password_hash].filter((value) => value !== undefined).length === 1,
    { path: ["password"], message: "want either password, password_file or password_hash" },
  );

/** A broker in the agent's process. */
export const brokerSchema = z
  .strictObject({
    /** Host and port; port 0 takes a free one. */
    listen: z
      .string()
      .regex(/^(\[[0-9a-fA-F:]+\]|[^:[\]]+):\d{1,5}$/, "want host:port, such as 127.0.0.1:1883")
      .default("127.0.0.1:1883"),
    users: z.array(user).max(256).default([]),
    /** Needed to listen beyond this device without users; with users it lets in who has no name, too. */
    allow_anonymous: z.boolean().default(false),
    /** What clients without a name may do. */
    anonymous: z.strictObject(rights).prefault({}),
    /** With it the broker speaks TLS only. */
    tls: z
      .strictObject({
        cert_file: file,
        key_file: file,
        /** Authorities of the clients' certificates: only clients with one are let in. */
        client_ca_file: file.optional(),
      })
      .optional(),
    max_clients: z.int().min(1).max(10_000).default(256),
    /** Topics with a retained message; beyond it, messages lose their retain flag. */
    max_retained: z.int().min(0).max(100_000).default(1000),
    max_retained_size: size().default(mebibytes(16)),
    /** Sessions that clients may leave behind, and what is kept of each and of all; 0 sessions for none. */
    sessions: z
      .strictObject({
        max: z.int().min(0).max(10_000).default(64),
        max_messages: z.int().min(1).max(100_000).default(1000),
        max_size: size().default(mebibytes(16)),
        expiry: duration().default(seconds(7 * 86_400)),
      })
      .prefault({}),
  })
  .refine((broker) => broker.users.length > 0 || broker.allow_anonymous || LOOPBACK.test(broker.listen), {
    path: ["users"],
    message: 'want users, or "allow_anonymous: true", to listen beyond this device',
  })
  .refine((broker) => new Set(broker.users.map(({ username }) => username)).size === broker.users.length, {
    path: ["users"],
    message: "want each username once",
  });
export type BrokerConfig = z.infer<typeof brokerSchema>;
