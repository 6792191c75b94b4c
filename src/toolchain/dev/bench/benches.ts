import type { ProviderRegistry } from "../../../host/host.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { Emit } from "../events.ts";
import type { Plan } from "../plan.ts";
import { wrong, type Bench, type OpenBench } from "./bench.ts";
import { openGpioBench } from "./gpio.ts";
import { openHttpBench } from "./http.ts";
import { openI2cBench } from "./i2c.ts";
import { openModbusBench } from "./modbus.ts";
import { openMqttBench } from "./mqtt.ts";
import { openBlobstoreBench, openKeyValueBench, openSqlBench, openSqliteBench } from "./quiet.ts";
import { openSensorsBench } from "./sensors.ts";
import { openSerialBench } from "./serial.ts";

/** What takes the place of a provider, by its type. Those that are not here are what they are. */
const OPENERS: Readonly<Record<string, OpenBench>> = {
  gpio: openGpioBench,
  i2c: openI2cBench,
  modbus: openModbusBench,
  serial: openSerialBench,
  sensors: openSensorsBench,
  mqtt: openMqttBench,
  "http-server": openHttpBench,
  "keyvalue-nats": openKeyValueBench,
  "keyvalue-redis": openKeyValueBench,
  "blobstore-nats": openBlobstoreBench,
  "blobstore-fs": openBlobstoreBench,
  "sql-postgres": openSqlBench,
  "sql-sqlite": openSqliteBench,
};

export interface BenchesDeps {
  readonly plan: Plan;
  /** Providers that are to be what the manifest says, with their devices and servers. */
  readonly real: ReadonlySet<string>;
  readonly emit: Emit;
  readonly clock: Clock;
  readonly folder: string;
}

/** The simulated outside of all providers. */
export interface Benches extends AsyncDisposable {
  /** The same plan on simulated devices. */
  readonly plan: Plan;
  registry(own: ProviderRegistry): ProviderRegistry;
  usage(): readonly string[];
  describe(): readonly string[];
  /** Whether a command's first word is for a bench. */
  knows(kind: string): boolean;
  /** @throws PetioleError ERR_DEV_COMMAND */
  run(line: string): Promise<string>;
}

export async function openBenches({ plan, real, emit, clock, folder }: BenchesDeps): Promise<Benches> {
  await using stack = new AsyncDisposableStack();
  const benches = new Map<string, Bench>();
  for (const [id, { type, config }] of Object.entries(plan.providers)) {
    const open = real.has(id) ? undefined : OPENERS[type];
    if (open === undefined) continue;
    const links = plan.links.filter(({ from, to }) => from === id || to === id).map((link) => link.config);
    benches.set(id, stack.use(await open({ wanted: { id, type, config, links }, emit, clock, folder })));
  }
  const ofKind = (kind: string): Bench[] => [...benches.values()].filter((bench) => bench.kind === kind && kind !== "");
  const parts = stack.move();

  return {
    plan: simulated(plan, benches),
    registry: (own) => {
      const types = new Set(
        [...benches.values()].filter(({ factory }) => factory !== undefined).map(({ type }) => type),
      );
      const played = [...types].map((type) => [
        type,
        async () => {
          const real = await own[type]?.();
          return (deps: Parameters<NonNullable<typeof real>>[0]) => {
            const factory = benches.get(deps.id)?.factory ?? real;
            if (factory === undefined) throw wrong(`Cannot start "${deps.id}": there is no type "${type}"`);
            return factory(deps);
          };
        },
      ]);
      return { ...own, ...(Object.fromEntries(played) as ProviderRegistry) };
    },
    usage: () => [...new Set([...benches.values()].flatMap((bench) => bench.usage))],
    describe: () => [...benches.values()].flatMap((bench) => bench.describe()),
    knows: (kind) => ofKind(kind).length > 0,
    async run(line) {
      const [kind = "", ...words] = line.trim().split(/\s+/);
      const found = ofKind(kind);
      const name = words[1] ?? "";
      const bench = found.find(({ names }) => names.includes(name)) ?? found[0];
      if (bench === undefined) throw wrong(`Cannot play "${kind}": the project has none`);
      return await bench.run(words, line);
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

function simulated(plan: Plan, benches: ReadonlyMap<string, Bench>): Plan {
  const providers = Object.entries(plan.providers).map(([id, provider]) => {
    const bench = benches.get(id);
    return [id, bench === undefined ? provider : { type: bench.type, config: bench.config }] as const;
  });
  const links = plan.links.map((link) => {
    const change = benches.get(link.from)?.linkConfig ?? benches.get(link.to)?.linkConfig;
    return change === undefined ? link : { ...link, config: change(link.config) };
  });
  return { ...plan, providers: Object.fromEntries(providers), links };
}
