import {
  PetioleError,
  parseProviderConfig,
  watchFiles,
  type Binding,
  type LinkContext,
  type Provider,
  type ProviderDeps,
  createPacer,
} from "#provider";
import { httpSchema, linkSchema, type HttpConfig, type LinkConfig } from "./config.ts";
import { createGate } from "./gate.ts";
import { createIdle } from "./idle.ts";
import { createMount } from "./mounts.ts";
import type { Shared } from "./site.ts";
import { createSites, type Sites } from "./sites.ts";
import { filesOf, readCredentials, type Credentials } from "./tls.ts";

const HANDLER = "wasi:http/incoming-handler";
/** For links without an address, when the provider has none either. */
const DEFAULT_ADDRESS = "127.0.0.1:8080";

export interface HttpServerProvider extends Provider<HttpConfig, LinkConfig> {
  /** Ports of the addresses, in the order in which they were opened. */
  readonly ports: readonly number[];
}

interface Running {
  readonly config: HttpConfig;
  readonly sites: Sites;
}

/** Has HTTP requests served by components that export `wasi:http/incoming-handler`. */
export function createHttpServerProvider({ id, clock, log }: ProviderDeps): HttpServerProvider {
  const stack = new AsyncDisposableStack();
  let running: Running | undefined;

  async function open(config: HttpConfig): Promise<Running> {
    const { tls } = config;
    const pace = createPacer(clock);
    const gate = createGate({
      max: config.max_connections,
      maxOfClient: config.max_client_connections,
      onRefused: (limit) =>
        pace(limit, (left) => log.warn("A connection is closed, there are too many", { limit, left })),
    });
    const shared: Shared = {
      config,
      clock,
      log,
      pace,
      onConnection: (socket) => gate.admit(socket),
      requests: 0,
    };
    let credentials: Credentials | undefined = tls === undefined ? undefined : await readCredentials(tls);
    const sites = stack.use(createSites(shared, () => credentials));
    if (tls !== undefined) {
      const renew = async (): Promise<void> => {
        try {
          const next = await readCredentials(tls);
          credentials = next;
          for (const site of sites.all()) site.renew(next);
          log.info("Certificate renewed", { file: tls.cert_file });
        } catch (err) {
          log.error("A renewed certificate cannot be used, the one before stays", { err });
        }
      };
      stack.use(watchFiles({ files: filesOf(tls), onChange: renew, clock }));
    }
    // Used until the provider ends.
    for (const address of config.listen) await sites.use(address);
    return { config, sites };
  }

  async function bind(link: LinkContext<LinkConfig>, { config, sites }: Running): Promise<Binding> {
    const { address } = link.config;
    const listed = config.listen.length === 0 ? [DEFAULT_ADDRESS] : config.listen;
    const mount = createMount(link);
    await using places = new AsyncDisposableStack();
    for (const one of new Set(address === undefined ? listed : [address])) {
      const { site } = places.use(await sites.use(one));
      places.use(site.mounts.add(mount));
    }
    const idle = createIdle(clock);
    mount.onIdle = () => idle.check(mount.serving.size);
    const taken = places.move();
    return {
      functions: {},
      async [Symbol.asyncDispose]() {
        // No new requests; those that are being served go on.
        await taken.disposeAsync();
        await idle.reached(mount.serving.size, config.drain_timeout);
        for (const one of mount.serving) one.giveUp(503, "The component is being stopped");
      },
    };
  }

  return {
    id,
    serves: [],
    calls: [HANDLER],
    exclusive: true,
    get ports() {
      return (running?.sites.all() ?? []).map(({ port }) => port).filter((port) => port !== undefined);
    },
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, httpSchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, linkSchema, raw),
    async start(config, signal) {
      signal.throwIfAborted();
      running = await open(config);
    },
    async bind(link) {
      if (running === undefined) {
        throw new PetioleError("ERR_PROVIDER_STOPPED", `Cannot link "${link.component}": "${id}" is not running`);
      }
      return await bind(link, running);
    },
    async [Symbol.asyncDispose]() {
      running = undefined;
      await stack.disposeAsync();
    },
  };
}
