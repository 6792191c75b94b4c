import { z } from "zod";
import { duration, millis, minutes } from "#provider";

const label = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,63}$/, "want a label such as button: small letters, digits, - and _");

const MAX_LINES = 64;
const LONGEST_DEBOUNCE = minutes(60);

/** Edges that the chip keeps for the lines together until they are read; 16 for each line unless given. */
const eventBuffer = z.int().min(1).max(1024).optional();

const cdev = z.strictObject({
  backend: z.literal("cdev"),
  /** Its driver's label, such as pinctrl-rp1; or gpiochip0, its number, its path. Only the label stays the same. */
  chip: z.union([z.int().min(0).max(1023), z.string().min(1).max(200)]),
  event_buffer: eventBuffer,
});

const sysfs = z.strictObject({
  backend: z.literal("sysfs"),
  /** Its driver's label, or its name in /sys/class/gpio, such as gpiochip512. */
  chip: z.string().min(1).max(200),
});

const simulated = z.strictObject({
  backend: z.literal("simulated"),
  event_buffer: eventBuffer,
  lines: z.int().min(1).max(1024).default(32),
  /** Unix socket through which somebody outside presses the buttons and sees the lamps. */
  control_socket: z.string().min(1).max(100).optional(),
});
const chip = z.discriminatedUnion("backend", [simulated, cdev, sysfs]);
export type ChipConfig = z.infer<typeof chip>;

const line = z
  .strictObject({
    /** Number of the line on the chip, or its name there. */
    line: z.union([z.int().min(0).max(1023), z.string().min(1).max(31)]),
    direction: z.enum(["input", "output"]),
    active_low: z.boolean().default(false),
    bias: z.enum(["as-is", "disabled", "pull-up", "pull-down"]).default("as-is"),
    drive: z.enum(["push-pull", "open-drain", "open-source"]).default("push-pull"),
    /** Edges of the logical level that are reported. */
    edges: z.enum(["none", "rising", "falling", "both"]).default("none"),
    /** A change counts only when it has lasted for so long. */
    debounce: duration()
      .refine((value) => value <= LONGEST_DEBOUNCE, "want at most 1h")
      .default(millis(0)),
    /** What its edges are stamped with. */
    clock: z.enum(["monotonic", "realtime", "hardware"]).default("monotonic"),
    /** Level of an output from the start. */
    initial: z.enum(["inactive", "active"]).default("inactive"),
    /** Level that an output is left with when the agent stops; as it was unless given. */
    final: z.enum(["inactive", "active"]).optional(),
  })
  .superRefine((line, context) => {
    if (line.direction === "output") {
      if (line.edges !== "none")
        context.addIssue({ code: "custom", path: ["edges"], message: "an output has no edges" });
      if (line.debounce > 0) {
        context.addIssue({ code: "custom", path: ["debounce"], message: "an output has nothing to debounce" });
      }
    } else {
      if (line.final !== undefined) context.addIssue({ code: "custom", path: ["final"], message: "want an output" });
      if (line.drive !== "push-pull") context.addIssue({ code: "custom", path: ["drive"], message: "want an output" });
    }
  });
export type LineConfig = z.infer<typeof line>;

export const gpioSchema = z.strictObject({
  chip,
  lines: z
    .record(label, line)
    .refine((lines) => Object.keys(lines).length > 0, "want at least one line")
    .refine((lines) => Object.keys(lines).length <= MAX_LINES, `want at most ${MAX_LINES} lines`)
    .superRefine((lines, context) => {
      const seen = new Map<number | string, string>();
      for (const [name, { line }] of Object.entries(lines)) {
        const other = seen.get(line);
        if (other !== undefined) {
          context.addIssue({ code: "custom", path: [name, "line"], message: `"${other}" is line ${line} already` });
        }
        seen.set(line, name);
      }
    }),
});
export type GpioConfig = z.infer<typeof gpioSchema>;

export const linkSchema = z.strictObject({
  /** What the component may do with which line. An output can be written by one component only. */
  lines: z
    .record(label, z.enum(["read", "write"]))
    .refine((lines) => Object.keys(lines).length > 0, "want at least one line"),
  /** Edges of one line that wait for the component. */
  queue: z.int().min(1).max(100_000).default(256),
  /** What goes when the queue is full: the oldest edge, the newest, or all but the newest. */
  overflow: z.enum(["drop-oldest", "drop-newest", "latest"]).default("drop-oldest"),
  /** Edges in one call. */
  max_batch: z.int().min(1).max(1024).default(64),
  /** Least time between two calls for one line: what a floating input may cost. */
  min_interval: duration().default(millis(2)),
});
export type LinkConfig = z.infer<typeof linkSchema>;
export type Overflow = LinkConfig["overflow"];
