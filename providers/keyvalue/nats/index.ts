import { PetioleError, parseProviderConfig, type NatsPath, type Provider, type ProviderDeps } from "#provider";
import type { Backend } from "../backend.ts";
import { ATOMICS, BATCH, STORE, bindKeyValue } from "../binding.ts";
import { linkSchema, natsSchema, type LinkConfig, type NatsConfig } from "../config.ts";
import { createJetStreamApi } from "./api.ts";
import { createNatsBackend } from "./backend.ts";
import { openNatsBucket } from "./bucket.ts";

/** `wasi:keyvalue` in a key-value bucket of NATS, at the hub or another server. Without a connection calls fail at once. */
export function createKeyValueNatsProvider({ id, clock, services }: ProviderDeps): Provider<NatsConfig, LinkConfig> {
  let backend: Backend | undefined;
  const owned = new AsyncDisposableStack();

  const pathOf = ({ server }: NatsConfig): (() => NatsPath) => {
    if (server === undefined) return () => services.nats.hub;
    const { urls, domain, credentials_file, tls } = server;
    const files = tls && { ca: tls.ca_file, cert: tls.cert_file, key: tls.key_file };
    const target = { urls, domain, credentialsFile: credentials_file, ...(files === undefined ? {} : { tls: files }) };
    const path = owned.use(services.nats.open(target));
    return () => path;
  };

  return {
    id,
    serves: [STORE, ATOMICS, BATCH],
    calls: [],
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, natsSchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, linkSchema, raw),
    async start(config, signal) {
      signal.throwIfAborted();
      const api = createJetStreamApi({
        path: pathOf(config),
        timeout: config.timeout,
        maxInflight: config.max_inflight,
      });
      const bucket = openNatsBucket({ api, name: config.bucket, create: config.create, clock });
      backend = createNatsBackend({ api, bucket, clock });
    },
    async bind(link) {
      if (backend === undefined) {
        throw new PetioleError("ERR_PROVIDER_STOPPED", `Cannot link "${link.component}": "${id}" is not running`);
      }
      return bindKeyValue(link, backend);
    },
    async [Symbol.asyncDispose]() {
      backend = undefined;
      await owned.disposeAsync();
    },
  };
}
