// From a bare Debian to a managed device by the manual: what the documents tell their reader to type is typed, by a user with
// sudo on the device and by the operator on this machine, until no command of them is left.

import { spawnSync } from "node:child_process";
import { copyFile, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { parse, stringify } from "yaml";
import { exampleComponent, PETIOLE } from "../../../support/agent.ts";
import { waitFor } from "../../../support/wait-for.ts";
import type { Device } from "../device.ts";
import { askStatus, HUB, PATIENCE_MS, PATIENT_UNIT, waitForServer } from "../gateway.ts";
import { ROOT, type Lab, type Scenario } from "../lab.ts";
import { openManual, type ManualCommand } from "../manual.ts";
import { startOperator, type Operator } from "../operator.ts";
import { makeRelease } from "../release.ts";
import { run } from "../shell.ts";

const NAME = "boiler-7";
const NEXT = "0.2.0";
const USER = "pi";
const HOME = `/home/${USER}`;
/** A new version is on trial for less than on a real device, whose user has more time than this lab. */
const TRIAL = { settle: "30s", offline_grace: "30s", limit: "30m" };

interface ByHand {
  /** What else is written at these places: a version, an address. */
  readonly instead?: readonly (readonly [string, string])[];
  /** Exit codes that are none of a failure. */
  readonly ends?: readonly number[];
  /** Before the command, on its line. */
  readonly before?: string;
}

const replaced = ({ text }: ManualCommand, instead: ByHand["instead"] = []): string =>
  instead.reduce((line, [from, to]) => {
    if (!line.includes(from)) throw new Error(`"${line}" does not have "${from}"`);
    return line.replace(from, to);
  }, text);

/** As the user would in a terminal, who says yes to what is asked. */
async function typeOnDevice(device: Device, command: ManualCommand, { instead, ends = [0], before = "" }: ByHand = {}) {
  const line = `${before}${replaced(command, instead)}`;
  const { status, output } = await device.try(
    `cat >/tmp/typed && chmod 644 /tmp/typed && su --login ${USER} --command 'bash /tmp/typed' < <(yes) 2>&1`,
    { input: Buffer.from(`${line}\n`), seconds: 1800 },
  );
  if (!ends.includes(status)) throw new Error(`${command.at}: "${line}" ended with ${status}: ${output.slice(-2000)}`);
  return output;
}

function typeAsOperator({ folder }: Operator, command: ManualCommand, { instead }: ByHand = {}): void {
  const line = replaced(command, instead);
  const env = { ...process.env, USER: "me", PATH: `${dirname(PETIOLE)}:${process.env["PATH"] ?? ""}` };
  const { status, stdout, stderr } = spawnSync("bash", ["-c", line], { cwd: folder, env, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command.at}: "${line}" ended with ${status}: ${stderr}${stdout}`);
}

/** The first block of this kind that has the text. */
async function readBlock(document: string, kind: string, having: string): Promise<string> {
  const text = await readFile(join(ROOT, "docs", `${document}.md`), "utf8");
  const found = [...text.matchAll(new RegExp(`^\`\`\`${kind}\\n([^]*?)^\`\`\``, "gm"))].find(([, block = ""]) =>
    block.includes(having),
  );
  if (found?.[1] === undefined) throw new Error(`docs/${document}.md has no block of ${kind} with "${having}"`);
  return found[1];
}

const put = async (device: Device, path: string, content: string | Uint8Array): Promise<void> => {
  await device.exec(`cat >'${path}' && chown ${USER}: '${path}'`, { input: Buffer.from(content), seconds: 1800 });
};

async function makeUser(device: Device): Promise<void> {
  // As the first user of Raspberry Pi OS: may become root, and read the journal.
  await device.exec(`useradd --create-home --shell /bin/bash --groups adm,sudo ${USER}`);
  await device.exec(`echo '${USER} ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/lab && chmod 440 /etc/sudoers.d/lab`);
  const unit = "/etc/systemd/system/petiole.service.d";
  await device.exec(`mkdir -p ${unit} && cat >${unit}/lab.conf`, { input: Buffer.from(PATIENT_UNIT) });
}

/** A boot partition as Raspberry Pi OS has it, as far as `petiole image prepare` looks. */
async function makeBootPartition(folder: string): Promise<string> {
  const path = join(folder, "bootfs");
  await mkdir(path);
  await writeFile(join(path, "cmdline.txt"), "console=serial0,115200 root=PARTUUID=1 rootwait\n");
  await writeFile(join(path, "config.txt"), "arm_64bit=1\n");
  return path;
}

async function waitForVersion(device: Device, version: string): Promise<void> {
  await waitFor(`the agent to be ${version}`, async () => (await askStatus(device)).version === version, PATIENCE_MS);
}

/** A package of the next version, beside the release of it. */
function makePackage(lab: Lab, binary: string): string {
  const args = ["--target", "linux-arm64", "--binary", binary, "--version", NEXT, "--out", lab.folder, "--json"];
  const said = run("npm", ["run", "--silent", "package", "--", ...args], { cwd: ROOT });
  return (JSON.parse(said) as { readonly file: string }).file;
}

export const manualScenario: Scenario = {
  name: "manual",
  about:
    "every command of install.md, provision.md, update.md and operate.md is typed, on the device or by its operator",
  run: async (lab, { check }) => {
    const manual = openManual(ROOT, ["install", "provision", "update", "operate"]);
    const shown = parse(await readBlock("provision", "yaml", `# ${NAME}.yaml`)) as { readonly hub: object };
    const hub = { ...shown.hub, urls: [`nats://${HUB.address}:${HUB.leafPort}`], stream: { create: true } };
    const config = { ...shown, hub };
    await using operator = await startOperator({
      folder: join(lab.folder, "manual-operator"),
      configuration: config,
      address: `${HUB.address}:${HUB.port}`,
    });
    const services = { [HUB.port]: operator.hub.port, [HUB.leafPort]: operator.hub.leafPort };
    await using device = await lab.createDevice("manual", { services });
    const type = (document: string, beginning: string, byHand?: ByHand): Promise<string> =>
      typeOnDevice(device, manual.take(document, beginning), byHand);
    const order = (document: string, beginning: string, byHand?: ByHand): void =>
      typeAsOperator(operator, manual.take(document, beginning), byHand);
    const deb = basename(lab.package());

    await check("install.md: installs it, and looks at it", async () => {
      // The lab made its package so.
      for (const beginning of ["npm ci", "npm run build", "npm run package"]) manual.leaveOut("install", beginning);
      await device.start();
      await makeUser(device);
      await put(device, `${HOME}/${deb}`, await readFile(lab.package()));
      await type("install", "sudo apt install ./petiole_0.1.0");
      await waitFor("the agent", async () => (await askStatus(device)).state === "running", PATIENCE_MS);
      await type("install", "systemctl status petiole");
      await type("install", "sudo petiole status");
      return (await type("install", "sudo petiole doctor")).split("\n").find((line) => line.includes("warning")) ?? "";
    });
    await check("install.md: configures it", async () => {
      const component = exampleComponent("smoother");
      await device.exec("install -m 644 /dev/stdin /etc/petiole/smoother.wasm", { input: await readFile(component) });
      const written = { device: { id: NAME }, components: { smoother: { file: "smoother.wasm" } } };
      await put(device, `${HOME}/written.yaml`, stringify(written));
      // An editor that needs nobody.
      await type("install", "sudoedit", { before: "EDITOR='cp written.yaml' " });
      await type("install", "sudo petiole config check");
      await type("install", "sudo systemctl restart petiole");
      await waitFor("its name", async () => (await askStatus(device)).device === NAME, PATIENCE_MS);
      await type("install", "sudo usermod -aG petiole");
      await type("install", "grep -ow memory");
      return undefined;
    });
    await check("install.md: opens a device to the service", async () => {
      await put(device, `${HOME}/device.conf`, await readBlock("install", "ini", "DeviceAllow"));
      await put(device, `${HOME}/edit`, `#!/bin/sh\nexec sed -i '/^### Anything/r ${HOME}/device.conf' "$1"\n`);
      await device.exec(`chmod 755 ${HOME}/edit`);
      await type("install", "sudo usermod -aG plugdev");
      const edit = `script -qec 'sudo SYSTEMD_EDITOR=${HOME}/edit systemctl edit petiole' /dev/null </dev/null`;
      const command = manual.take("install", "sudo systemctl edit");
      // systemd reads its units anew, and may drop a connection to the lab meanwhile.
      await waitFor(
        "the unit to allow it",
        async () => {
          await typeOnDevice(device, command, { instead: [[command.text, edit]] });
          return (await device.exec("systemctl show petiole --property DeviceAllow --value")).includes("char-hidraw");
        },
        PATIENCE_MS,
      );
      return undefined;
    });

    await check("provision.md: the operator issues a token and prepares a card", async () => {
      await writeFile(join(operator.folder, `${NAME}.yaml`), stringify(config));
      await symlink(lab.package(), join(operator.folder, deb));
      const boot = await makeBootPartition(operator.folder);
      order("provision", "petiole fleet token");
      order("provision", "petiole image prepare", { instead: [["/media/$USER/bootfs", boot]] });
      order("provision", "petiole image cloud-init", { instead: [["4f53…", "0".repeat(64)]] });
      return undefined;
    });
    await check("provision.md: the device enrols by hand", async () => {
      // The unit of the scenario `provision` runs it.
      manual.leaveOut("provision", "petiole provision [FILE]");
      await type("provision", "systemctl status petiole-firstboot", { ends: [0, 3] });
      await type("provision", "journalctl -u petiole-firstboot");
      await put(device, `${HOME}/${NAME}.yaml`, stringify(config));
      await put(device, `${HOME}/${NAME}.token`, await readFile(join(operator.folder, `${NAME}.token`)));
      await type("provision", "sudo install -m 640");
      const enrol = manual.take("provision", "sudo petiole enrol");
      // An answer that is too late for an emulated processor is worth another try, as the command says.
      await waitFor("the fleet to answer", async () => (await typeOnDevice(device, enrol), true), PATIENCE_MS);
      await type("provision", "sudo systemctl restart");
      await waitFor(
        "the hub",
        async () => {
          const { hub } = await askStatus(device);
          if (hub.link === "online") return true;
          throw new Error(JSON.stringify(hub));
        },
        PATIENCE_MS,
      );
      return await waitForServer(device);
    });

    const release = await makeRelease(join(lab.folder, "release"), NEXT);
    await check("update.md: the operator packs and signs a release", async () => {
      manual.leaveOut("update", "npm run build");
      order("update", "petiole keys generate");
      const built = join(operator.folder, "dist/linux-arm64/petiole");
      await mkdir(dirname(built), { recursive: true });
      await copyFile(release.binary, built);
      order("update", "petiole release pack");
      order("update", "petiole release show");
      run(PETIOLE, ["keys", "generate", "--out", "bob.key"], { cwd: operator.folder });
      order("update", "petiole release sign");
      order("update", "petiole release push", { instead: [["tls://hub.example:4222", operator.hub.url]] });
      return undefined;
    });
    await check("update.md: the device takes it over the link, and keeps it", async () => {
      const trusted = parse(await readBlock("update", "yaml", "agent_update:")) as { readonly agent_update: object };
      const agent_update = { ...trusted.agent_update, ...TRIAL };
      await device.exec("cat >/etc/petiole/petiole.yaml", {
        input: Buffer.from(stringify({ ...config, agent_update })),
      });
      const key = await readFile(join(operator.folder, "agent-release.key.pub"));
      await device.exec("install -m 644 /dev/stdin /etc/petiole/agent-release.key.pub", { input: key });
      await device.exec("systemctl restart petiole", { seconds: 900 });
      const name = `petiole-${NEXT}-linux-arm64.release`;
      await put(device, `${HOME}/${name}`, await readFile(join(operator.folder, name)));
      await type("update", "petiole agent update");
      // The file was tried; what the operator pushed comes over the link.
      await type("update", "petiole agent update", { instead: [[name, `nats-object://releases/${name}`]] });
      await waitForVersion(device, NEXT);
      return (await type("update", "petiole agent versions")).trim().split("\n").at(-1);
    });
    await check("update.md: back to the packaged version, whatever happens", async () => {
      await type("update", "sudo systemctl stop petiole");
      await type("update", "sudo rm");
      await type("update", "sudo systemctl start petiole");
      await waitForVersion(device, "0.1.0");
      return undefined;
    });

    await check("operate.md: what runs is looked at", async () => {
      for (const command of ["systemctl status", "petiole status", "petiole top", "petiole outbox", "petiole doctor"]) {
        await type("operate", command);
      }
      await waitFor(
        "a summary",
        async () => {
          const { status } = await device.try("journalctl -u petiole -o cat -g '^Summary' -n 1");
          return status === 0;
        },
        PATIENCE_MS,
      );
      // It goes on until somebody ends it.
      await type("operate", "journalctl -u petiole -f", {
        instead: [["journalctl", "timeout 20 journalctl"]],
        ends: [124],
      });
      for (const rest of ["-p", "PETIOLE_COMPONENT", "PETIOLE_PROVIDER", "PETIOLE_CODE", "-F", "-o"]) {
        await type("operate", `journalctl -u petiole ${rest}`);
      }
      return undefined;
    });

    await check("install.md: upgrades the package", async () => {
      const next = makePackage(lab, release.binary);
      await put(device, `${HOME}/${basename(next)}`, await readFile(next));
      await type("install", "sudo apt install ./petiole_0.2.0", {
        instead: [["apt install", "apt -o Dpkg::Options::=--force-confold install"]],
      });
      await waitForVersion(device, NEXT);
      return undefined;
    });
    await check("install.md: the executable alone, without systemd", async () => {
      await device.exec("systemctl stop petiole && systemctl disable petiole", { seconds: 600 });
      const folders = Object.fromEntries(
        ["state", "cache", "runtime"].map((kind) => [`${kind}_dir`, `${HOME}/${kind}`]),
      );
      await put(device, `${HOME}/petiole.yaml`, stringify({ device: { id: NAME }, ...folders }));
      await device.exec(`install -m 755 /usr/bin/petiole ${HOME}/petiole`);
      await type("install", "./petiole config check");
      await type("install", "./petiole run", { instead: [["./petiole", "timeout --preserve-status 120 ./petiole"]] });
      return undefined;
    });
    await check("no command of the four documents was left out", async () => {
      const left = manual.left();
      if (left.length > 0) throw new Error(left.map(({ at, text }) => `${at}: ${text}`).join("\n"));
      return undefined;
    });
    await check("shuts down", async () => {
      await device.powerOff();
      return undefined;
    });
  },
};
