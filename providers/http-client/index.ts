import {
  PetioleError,
  WitError,
  bytes,
  createPacer,
  millis,
  parseProviderConfig,
  watchFiles,
  type Binding,
  type EgressPermit,
  type EgressRequest,
  type EgressSettings,
  type LinkContext,
  type Provider,
  type ProviderDeps,
} from "#provider";
import { judge } from "./allow.ts";
import { clientSchema, linkSchema, type ClientConfig, type LinkConfig } from "./config.ts";
import { filesOf, readCredentials } from "./tls.ts";

const HANDLER = "wasi:http/outgoing-handler";

interface Running {
  readonly config: ClientConfig;
  /** Changes when a file was renewed. */
  tls: { readonly version: number; readonly files: EgressSettings["tls"] };
}

/** Decides where components may send HTTP requests, and how. The runtime sends them. */
export function createHttpClientProvider({ id, clock, log }: ProviderDeps): Provider<ClientConfig, LinkConfig> {
  const stack = new AsyncDisposableStack();
  let running: Running | undefined;
  let links = 0;

  async function open(config: ClientConfig): Promise<Running> {
    const opened: Running = { config, tls: { version: 0, files: await readCredentials(config.tls) } };
    const renew = async (): Promise<void> => {
      try {
        opened.tls = { version: opened.tls.version + 1, files: await readCredentials(config.tls) };
        log.info("Certificates renewed", { files: filesOf(config.tls) });
      } catch (err) {
        log.error("Renewed certificates cannot be used, those before stay", { err });
      }
    };
    stack.use(watchFiles({ files: filesOf(config.tls), onChange: renew, clock }));
    return opened;
  }

  function bind(link: LinkContext<LinkConfig>, { config }: Running): Binding {
    const own = link.config;
    const lists = [config.allow, own.allow].filter((list) => list !== undefined);
    const methods = [config.methods, own.methods].filter((list) => list !== undefined);
    const pace = createPacer(clock);
    const number = ++links;
    let bound = true;

    const settings = (tls: EgressSettings["tls"]): EgressSettings => ({
      networks: config.networks,
      timeouts: {
        connect: millis(least(own.connect_timeout, config.connect_timeout)),
        firstByte: millis(least(own.first_byte_timeout, config.first_byte_timeout)),
        betweenBytes: millis(least(own.idle_timeout, config.idle_timeout)),
        total: millis(least(own.total_timeout, config.total_timeout)),
      },
      maxResponse: bytes(least(own.max_response, config.max_response)),
      maxConnections: config.max_connections,
      keepAlive: config.keep_alive,
      tls,
    });

    function handle({ method, secure, host, port, known }: EgressRequest): EgressPermit {
      if (!bound || running === undefined) throw new WitError({ tag: "destination-unavailable" });
      const verdicts = lists.map((list) => judge(list, { secure, host, port }));
      // Nothing is allowed that nobody has named.
      const allowed = verdicts.length > 0 && !verdicts.includes("denied");
      if (!allowed || !methods.every((list) => list.includes(method))) {
        pace("refused", (left) => link.log.warn("A request was refused", { method, secure, host, port, left }));
        throw new WitError({ tag: "HTTP-request-denied" });
      }
      const { version, files } = running.tls;
      const key = `${id} ${number} ${version}`;
      const trusted = verdicts.every((verdict) => verdict === "named");
      return { key, trusted, settings: known === key ? undefined : settings(files) };
    }

    return {
      functions: { [HANDLER]: { handle } },
      [Symbol.asyncDispose]: async () => {
        bound = false;
      },
    };
  }

  return {
    id,
    serves: [HANDLER],
    calls: [],
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, clientSchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, linkSchema, raw),
    async start(config, signal) {
      signal.throwIfAborted();
      running = await open(config);
    },
    async bind(link) {
      if (running === undefined) {
        throw new PetioleError("ERR_PROVIDER_STOPPED", `Cannot link "${link.component}": "${id}" is not running`);
      }
      return bind(link, running);
    },
    async [Symbol.asyncDispose]() {
      running = undefined;
      await stack.disposeAsync();
    },
  };
}

/** No link has more than its provider. */
const least = (own: number | undefined, most: number): number => Math.min(own ?? most, most);
