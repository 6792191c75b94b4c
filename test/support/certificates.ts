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
  /** For a server on loopback; valid from now on unless it is to be later. */
  server(name: string, validFrom?: Date): Promise<Certificate>;
  client(name: string): Promise<Certificate>;
}

/** A certificate authority in `folder`, made with the openssl command. */
export async function createAuthority(folder: string, name = "ca"): Promise<Authority> {
  const [ca, caKey] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  await openssl("req", "-x509", ...newKey(caKey), "-days", "2", "-subj", `/CN=${name}`, "-out", ca);

  async function issue(subject: string, extensions: string, validFrom?: Date): Promise<Certificate> {
    const [cert, key, request, file] = ["pem", "key", "csr", "ext"].map((end) => join(folder, `${subject}.${end}`)) as [
      string,
      string,
      string,
      string,
    ];
    await openssl("req", ...newKey(key), "-subj", `/CN=${subject}`, "-out", request);
    await writeFile(file, extensions);
    if (validFrom === undefined) {
      const signing = ["-CA", ca, "-CAkey", caKey, "-CAcreateserial", "-days", "2", "-extfile", file];
      await openssl("x509", "-req", "-in", request, ...signing, "-out", cert);
    } else {
      await signLater({ request, file, cert, validFrom });
    }
    return { cert, key };
  }

  /** Only `openssl ca` lets a certificate begin at another time than now. */
  async function signLater(wanted: { request: string; file: string; cert: string; validFrom: Date }): Promise<void> {
    const config = join(folder, `${name}.conf`);
    await writeFile(join(folder, `${name}.index`), "");
    await writeFile(
      config,
      `[ca]\ndefault_ca=own\n[own]\ndatabase=${name}.index\nnew_certs_dir=.\ndefault_md=sha256\nrand_serial=yes\npolicy=any\n[any]\ncommonName=supplied\n`,
    );
    const { request, file, cert, validFrom } = wanted;
    const end = new Date(validFrom.getTime() + 86_400_000);
    const validity = ["-startdate", generalizedTime(validFrom), "-enddate", generalizedTime(end)];
    const signing = ["-cert", ca, "-keyfile", caKey, "-extfile", file];
    await run(
      "openssl",
      ["ca", "-batch", "-notext", "-config", config, ...signing, ...validity, "-in", request, "-out", cert],
      {
        cwd: folder,
      },
    );
  }

  return {
    ca,
    server: (subject, validFrom) =>
      issue(subject, "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n", validFrom),
    client: (subject) => issue(subject, `subjectAltName=DNS:${subject}\nextendedKeyUsage=clientAuth\n`),
  };
}

/** `20270101120000Z` */
const generalizedTime = (date: Date): string => `${date.toISOString().slice(0, 19).replaceAll(/[-:T]/g, "")}Z`;

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
