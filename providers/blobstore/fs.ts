import { PetioleError, parseProviderConfig, reasonOf, type Provider, type ProviderDeps } from "#provider";
import { BLOBSTORE, CONTAINER, TYPES, bindBlobstore } from "./binding.ts";
import { fsSchema, linkSchema, type FsConfig, type LinkConfig } from "./config.ts";
import { openFsStore } from "./fs-store.ts";
import type { BlobStore } from "./store.ts";

/** Serves `wasi:blobstore` from a folder of the device. */
export function createBlobstoreFsProvider({ id, clock }: ProviderDeps): Provider<FsConfig, LinkConfig> {
  let store: BlobStore | undefined;
  return {
    id,
    serves: [BLOBSTORE, CONTAINER, TYPES],
    calls: [],
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, fsSchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, linkSchema, raw),
    async start({ folder, max_container, max_total, max_objects }, signal) {
      signal.throwIfAborted();
      const limits = { maxContainer: max_container ?? max_total, maxTotal: max_total, maxObjects: max_objects };
      try {
        store = await openFsStore({ folder, id, limits });
      } catch (cause) {
        const reason = reasonOf(cause);
        throw new PetioleError("ERR_PROVIDER_START", `Cannot keep blobs in "${folder}": ${reason}`, { cause });
      }
    },
    async bind(link) {
      if (store !== undefined) return bindBlobstore(link, store, clock);
      throw new PetioleError("ERR_PROVIDER_STOPPED", `Cannot link "${link.component}": "${id}" is not running`);
    },
    async [Symbol.asyncDispose]() {
      await store?.[Symbol.asyncDispose]();
      store = undefined;
    },
  };
}
