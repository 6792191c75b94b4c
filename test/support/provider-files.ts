// Archives and executables of providers, as wasmCloud's tools make them.

import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { nkeys } from "@nats-io/transport-node";

const PROVIDER = resolve(import.meta.dirname, "..", "fixtures", "providers", "provider.ts");

/** An executable that is the provider of the fixtures. */
export const providerScript = (): Buffer =>
  Buffer.from(`#!${process.execPath} --disable-warning=ExperimentalWarning\nimport(${JSON.stringify(PROVIDER)});\n`);

export const thisTarget = `${process.arch === "x64" ? "x86_64" : "aarch64"}-linux`;

export interface TarFile {
  readonly name: string;
  readonly content: Uint8Array;
}

/** In the oldest form of tar, which all of them share. */
export function tar(files: readonly TarFile[]): Buffer {
  const blocks = files.flatMap(({ name, content }) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write("0000755\0", 100);
    header.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124);
    header.write("        0", 148);
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, "0")}\0 `,
      148,
    );
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** A key pair of an account, such as signs claims. */
export const createIssuer = () => nkeys.createAccount();

export interface ClaimsOptions {
  readonly issuer?: nkeys.KeyPair;
  readonly hashes?: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly wascap?: Readonly<Record<string, unknown>>;
}

export const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex").toUpperCase();
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Signed claims for binaries, by target. */
export function providerClaims(
  binaries: Readonly<Record<string, Uint8Array>>,
  { issuer = createIssuer(), hashes, name = "Test provider", wascap = {} }: ClaimsOptions = {},
): string {
  const named = Object.fromEntries(Object.entries(binaries).map(([target, bytes]) => [target, hashOf(bytes)]));
  const content = `${part({ typ: "jwt", alg: "Ed25519" })}.${part({
    jti: "test",
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    sub: `V${nkeys.createServer().getPublicKey().slice(1)}`,
    wascap_revision: 3,
    wascap: { name, vendor: "test", rev: 4, ver: "1.2.3", target_hashes: hashes ?? named, ...wascap },
  })}`;
  return `${content}.${Buffer.from(issuer.sign(Buffer.from(content))).toString("base64url")}`;
}

/** An archive with one binary for each target. */
export function providerArchive(
  binaries: Readonly<Record<string, Uint8Array>> = { [thisTarget]: providerScript() },
  options: ClaimsOptions = {},
): Buffer {
  return gzipSync(
    tar([
      { name: "claims.jwt", content: Buffer.from(providerClaims(binaries, options)) },
      ...Object.entries(binaries).map(([target, content]) => ({ name: `${target}.bin`, content })),
    ]),
  );
}
