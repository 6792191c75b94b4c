import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  /** PEM file that peers trust. */
  readonly ca: string;
  /** For a server on loopback. */
  server(name: string): Promise<Certificate>;
  client(name: string): Promise<Certificate>;
}

/** A certificate authority in `folder`, made with the openssl command. */
export async function createAuthority(folder: string, name = "ca"): Promise<Authority> {
  const [ca, caKey] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  await openssl("req", "-x509", ...newKey(caKey), "-days", "2", "-subj", `/CN=${name}`, "-out", ca);

  async function issue(subject: string, extensions: string): Promise<Certificate> {
    const [cert, key, request, file] = ["pem", "key", "csr", "ext"].map((end) => join(folder, `${subject}.${end}`)) as [
      string,
      string,
      string,
      string,
    ];
    await openssl("req", ...newKey(key), "-subj", `/CN=${subject}`, "-out", request);
    await writeFile(file, extensions);
    const signing = ["-CA", ca, "-CAkey", caKey, "-CAcreateserial", "-days", "2", "-extfile", file];
    await openssl("x509", "-req", "-in", request, ...signing, "-out", cert);
    return { cert, key };
  }

  return {
    ca,
    server: (subject) => issue(subject, "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n"),
    client: (subject) => issue(subject, `subjectAltName=DNS:${subject}\nextendedKeyUsage=clientAuth\n`),
  };
}

const newKey = (file: string): string[] => [
  "-newkey",
  "ec",
  "-pkeyopt",
  "ec_paramgen_curve:P-256",
  "-nodes",
  "-keyout",
  file,
];

async function openssl(...args: readonly string[]): Promise<void> {
  await run("openssl", args);
}
