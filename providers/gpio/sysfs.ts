// GPIO chips of the kernel through /sys/class/gpio, for kernels without the second version of the character device. It has
// no times, no numbers of edges, no bias and no owner of a line: what it lacks is refused, not imitated.

import { existsSync, readFileSync, readSync, readdirSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { isErrno, millis, type Clock, type DeviceIo } from "#provider";
import {
  GpioError,
  type ChipSource,
  type GpioChip,
  type LineEvent,
  type LineInfo,
  type LineRequest,
  type LineSettings,
} from "./backend.ts";
import { trying } from "./errno.ts";

const ROOT = "/sys/class/gpio";
const WRAP = 2 ** 32;

export interface SysfsDeps {
  readonly io: Pick<DeviceIo, "open" | "close" | "watch">;
  readonly clock: Clock;
  readonly root?: string;
}

interface ChipFolder {
  readonly name: string;
  readonly label: string;
  /** Number of its first line among all lines of the machine; it is another with every kernel. */
  readonly base: number;
  readonly lines: number;
}

const readText = (path: string): string => readFileSync(path, "utf8").trim();

/** The chip is opened anew each time, since it may have another base then. */
export function createSysfsSource(deps: SysfsDeps, which: string): ChipSource {
  return { what: which, open: () => openSysfsChip(deps, which), [Symbol.asyncDispose]: async () => {} };
}

function openSysfsChip(deps: SysfsDeps, which: string): GpioChip {
  const root = deps.root ?? ROOT;
  const chips = trying(`cannot list ${root}`, () => listChips(root));
  const found = chips.filter(({ label, name }) => label === which || name === which);
  const [chip, second] = found;
  if (chip !== undefined && second === undefined) return createChip({ ...deps, root }, chip);
  const seen = chips.length === 0 ? "there is none" : `found ${chips.map(({ label }) => label).join(", ")}`;
  const text =
    chip === undefined ? `no chip has the label "${which}": ${seen}` : `${found.length} chips are "${which}"`;
  throw new GpioError("not-found", text);
}

function listChips(root: string): ChipFolder[] {
  return readdirSync(root)
    .filter((name) => /^gpiochip\d+$/.test(name))
    .sort()
    .map((name) => ({
      name,
      label: readText(join(root, name, "label")),
      base: Number(readText(join(root, name, "base"))),
      lines: Number(readText(join(root, name, "ngpio"))),
    }));
}

type ChipDeps = SysfsDeps & { readonly root: string };

function createChip(deps: ChipDeps, chip: ChipFolder): GpioChip {
  const { root } = deps;
  const folderOf = (offset: number): string => join(root, `gpio${chip.base + offset}`);
  const check = (): void => {
    if (!existsSync(join(root, chip.name))) throw new GpioError("disconnected", `chip "${chip.label}" is gone`);
  };
  return {
    name: chip.name,
    label: chip.label,
    lines: chip.lines,
    info: (offset) => readInfo(folderOf(offset), offset),
    request({ consumer, lines }) {
      for (const line of lines) refuse(line);
      const stack = new DisposableStack();
      try {
        const held = lines.map((settings): HeldLine => {
          const path = takeLine(deps, chip, settings, stack);
          const open = (): number =>
            trying(`cannot open line ${settings.offset}`, () =>
              stack.adopt(deps.io.open(path), (one) => deps.io.close(one)),
            );
          const descriptor = open();
          const watched = settings.edges === "none" ? undefined : open();
          return { settings, descriptor, watched, level: readLevel(watched ?? descriptor), sequence: 0 };
        });
        return createRequest({ deps, held, info: (offset) => infoOf(held, offset, consumer), check, stack });
      } catch (error) {
        stack.dispose();
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {},
  };
}

function refuse({ offset, bias, drive, debounce, clock }: LineSettings): void {
  const asked = [
    bias === "as-is" ? undefined : "bias",
    drive === "push-pull" ? undefined : "drive",
    debounce === 0 ? undefined : "debounce",
    clock === "monotonic" ? undefined : "clock",
  ].find((one) => one !== undefined);
  if (asked === undefined) return;
  throw new GpioError("unsupported", `line ${offset} has a ${asked}, which sysfs does not offer`);
}

/** Gives the path of the line's value; `stack` gets what undoes the rest. */
function takeLine({ root }: ChipDeps, { base }: ChipFolder, settings: LineSettings, stack: DisposableStack): string {
  const { offset, direction, activeLow, edges, initial } = settings;
  const number = String(base + offset);
  const folder = join(root, `gpio${number}`);
  const write = (file: string, text: string): void => writeFileSync(join(folder, file), text);
  return trying(`cannot take line ${offset}`, () => {
    // One that is exported already may be left from an agent that did not end in order: sysfs does not tell.
    if (!existsSync(folder)) writeFileSync(join(root, "export"), number);
    stack.defer(() => {
      try {
        writeFileSync(join(root, "unexport"), number);
      } catch {
        // It went with its chip.
      }
    });
    write("active_low", activeLow ? "1" : "0");
    if (direction === "input") write("direction", "in");
    // These two are voltages, whatever is active, and set the direction with the level.
    if (direction === "output") write("direction", initial === activeLow ? "low" : "high");
    try {
      if (direction === "input") write("edge", edges);
    } catch (error) {
      if (edges !== "none" || !isErrno(error, "ENOENT")) throw noEdges(offset, error);
    }
    return join(folder, "value");
  });
}

function noEdges(offset: number, cause: unknown): GpioError {
  return new GpioError("unsupported", `line ${offset} has no interrupt, which edges need`, { cause });
}

interface HeldLine {
  readonly settings: LineSettings;
  readonly descriptor: number;
  /**
   * Of a line with edges: the kernel takes a change for noticed by whoever reads this descriptor, so nothing else may. It
   * was read once before the wait, which would end at once otherwise.
   */
  readonly watched: number | undefined;
  level: boolean;
  sequence: number;
}

function readLevel(descriptor: number): boolean {
  const bytes = new Uint8Array(2);
  readSync(descriptor, bytes, 0, 2, 0);
  return bytes[0] === 0x31;
}

interface RequestDeps {
  readonly deps: ChipDeps;
  readonly held: readonly HeldLine[];
  readonly info: (offset: number) => LineInfo;
  readonly check: () => void;
  readonly stack: DisposableStack;
}

function createRequest({ deps: { io, clock }, held, info, check, stack }: RequestDeps): LineRequest {
  let listener: ((events: readonly LineEvent[]) => void) | undefined;
  let onLost: ((error: GpioError) => void) | undefined;
  let sequence = 0;
  let watching = false;

  const of = (offset: number): HeldLine => {
    const line = held.find(({ settings }) => settings.offset === offset);
    if (line === undefined) throw new GpioError("invalid-argument", `line ${offset} is not requested`);
    return line;
  };

  /** The kernel says that the line changed, and no more: not how often, and not when. */
  const noticed = (line: HeldLine, level: boolean): void => {
    const { offset, edges } = line.settings;
    const changed = level !== line.level;
    line.level = level;
    // There and back again while nobody looked: two edges that are not known.
    const count = edges === "both" && !changed ? 2 : 1;
    line.sequence = (line.sequence + count) % WRAP;
    sequence = (sequence + count) % WRAP;
    if (count === 2) return;
    const edge = edges === "both" ? (level ? "rising" : "falling") : edges === "rising" ? "rising" : "falling";
    listener?.([{ offset, edge, timestamp: clock.nanoseconds(), sequence, lineSequence: line.sequence }]);
  };

  const watch = (line: HeldLine, descriptor: number): Disposable =>
    io.watch(descriptor, {
      size: 2,
      wait: "priority",
      onData: (bytes) => noticed(line, bytes[0] === 0x31),
      onEnd: (cause) => onLost?.(new GpioError("disconnected", "the line is gone", { cause })),
    });

  return {
    get: (offsets) => trying("cannot read the lines", () => offsets.map((offset) => readLevel(of(offset).descriptor))),
    set(levels) {
      const lines = [...levels].map(([offset, level]) => [of(offset).descriptor, level] as const);
      trying("cannot set the lines", () => {
        for (const [descriptor, level] of lines) writeSync(descriptor, level ? "1" : "0", 0);
      });
    },
    onEvents(next) {
      listener = next;
      if (watching) return;
      watching = true;
      for (const line of held) if (line.watched !== undefined) stack.use(watch(line, line.watched));
    },
    onLost(next) {
      onLost = next;
    },
    check,
    info,
    [Symbol.asyncDispose]: async () => stack.dispose(),
  };
}

const NO_DEBOUNCE = millis(0);
const UNKNOWN = { name: "", usedBy: undefined, activeLow: false, bias: "as-is", drive: "push-pull" } as const;

/** What sysfs tells of a line: only of one that is exported, and not by whom. */
function readInfo(folder: string, offset: number): LineInfo {
  const info = { ...UNKNOWN, offset, direction: "input", edges: "none", debounce: NO_DEBOUNCE } as const;
  if (!existsSync(folder)) return info;
  const direction = readText(join(folder, "direction")) === "out" ? "output" : "input";
  return { ...info, usedBy: "sysfs", direction, activeLow: readText(join(folder, "active_low")) === "1" };
}

function infoOf(held: readonly HeldLine[], offset: number, consumer: string): LineInfo {
  const line = held.find(({ settings }) => settings.offset === offset);
  if (line === undefined) throw new GpioError("invalid-argument", `line ${offset} is not requested`);
  const { direction, activeLow, bias, drive, edges, debounce } = line.settings;
  const out = direction === "output" ? "output" : "input";
  return { offset, name: "", usedBy: consumer, direction: out, activeLow, bias, drive, edges, debounce };
}
