import { PetioleError, parseProviderConfig, type NatsPath, type Provider, type ProviderDeps } from "#provider";
import { BLOBSTORE, CONTAINER, TYPES, bindBlobstore } from "./binding.ts";
import { linkSchema, natsSchema, type LinkConfig, type NatsConfig } from "./config.ts";
import { createNatsStore } from "./nats-store.ts";
import type { BlobStore } from "./store.ts";

/** Serves `wasi:blobstore` from object stores of NATS. */
export function createBlobstoreNatsProvider(deps: ProviderDeps): Provider<NatsConfig, LinkConfig> {
  const { id, clock, services } = deps;
  const stack = new AsyncDisposableStack();
  let store: BlobStore | undefined;
  return {
    id,
    serves: [BLOBSTORE, CONTAINER, TYPES],
    calls: [],
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, natsSchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, linkSchema, raw),
    async start({ urls, domain, credentials_file, tls, timeout, max_container, replicas, storage }, signal) {
      signal.throwIfAborted();
      const files = { ca: tls?.ca_file, cert: tls?.cert_file, key: tls?.key_file };
      const target = urls && { urls, domain, credentialsFile: credentials_file, ...(tls && { tls: files }) };
      const own = target && stack.use(services.nats.open(target));
      const path = (): NatsPath => own ?? services.nats.hub;
      store = createNatsStore({ path, clock, timeout, maxContainer: max_container, replicas, storage });
    },
    async bind(link) {
      if (store !== undefined) return bindBlobstore(link, store, clock);
      throw new PetioleError("ERR_PROVIDER_STOPPED", `Cannot link "${link.component}": "${id}" is not running`);
    },
    async [Symbol.asyncDispose]() {
      store = undefined;
      await stack.disposeAsync();
    },
  };
}
