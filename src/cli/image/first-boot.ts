// How an image is told to run something at its first boot. Pure.

import { isMap, isSeq, parseDocument } from "yaml";
import { PetioleError } from "../../domain/errors.ts";

/** Where Raspberry Pi OS and Ubuntu mount the boot partition. */
const BOOT = "/boot/firmware";
const SCRIPT = `${BOOT}/petiole/firstrun.sh`;
const COMMAND = ["sh", SCRIPT] as const;

export type Mechanism = "cloud-init" | "systemd-run";

/** By the names in the boot partition's root. */
export function mechanismOf(names: readonly string[]): Mechanism | undefined {
  if (names.includes("user-data") || names.includes("meta-data")) return "cloud-init";
  return names.includes("cmdline.txt") ? "systemd-run" : undefined;
}

const SNIPPET = `runcmd:\n  - [${COMMAND.join(", ")}]`;

/**
 * The user-data with the command that installs petiole; everything else of it stays, comments included.
 * @throws PetioleError ERR_IMAGE_FIRST_BOOT when it is of a kind that nothing can be added to
 */
export function extendUserData(text: string): string {
  const isEmpty = text.split("\n").every((line) => /^\s*(#.*)?$/.test(line));
  const [first = ""] = text.split("\n", 1);
  if (isEmpty && (text.trim() === "" || first.trim() === "#cloud-config")) {
    const head = text.trim() === "" ? "#cloud-config" : text.trimEnd();
    return `${head}\n${SNIPPET}\n`;
  }
  if (first.trim() !== "#cloud-config") throw cannotExtend("it does not begin with #cloud-config");
  const document = parseDocument(text);
  if (document.errors.length > 0) throw cannotExtend(`it is no YAML: ${document.errors[0]?.message.split("\n", 1)[0]}`);
  if (!isMap(document.contents)) throw cannotExtend("it is no mapping");
  const commands = document.get("runcmd");
  if (commands !== undefined && commands !== null && !isSeq(commands)) throw cannotExtend("its runcmd is no list");
  if (isSeq(commands)) {
    const known = commands.items.some((one) => JSON.stringify(one)?.includes(SCRIPT));
    if (known) return text;
    document.addIn(["runcmd"], document.createNode(COMMAND, { flow: true }));
  } else {
    document.set("runcmd", document.createNode([document.createNode(COMMAND, { flow: true })]));
  }
  return document.toString({ lineWidth: 0 });
}

function cannotExtend(why: string): PetioleError {
  const indented = SNIPPET.replaceAll("\n", "\n  ");
  const message = `Cannot add to "user-data": ${why}. Add this to it by hand, and use --first-boot none:\n  ${indented}`;
  return new PetioleError("ERR_IMAGE_FIRST_BOOT", message);
}

const RUN = `systemd.run=${SCRIPT}`;
const AFTERWARDS = [
  "systemd.run_success_action=reboot",
  "systemd.run_failure_action=reboot",
  "systemd.unit=kernel-command-line.target",
] as const;

/**
 * The kernel's command line with which systemd runs the script and nothing else, and boots again. Beside a command of
 * somebody else, such as that of Raspberry Pi Imager, it is run second, in the same boot.
 * @throws PetioleError ERR_IMAGE_FIRST_BOOT
 */
export function extendCommandLine(text: string): string {
  const [line = "", ...rest] = text.split("\n");
  const words = line.split(/\s+/).filter((word) => word !== "");
  if (words.length === 0 || rest.some((one) => one.trim() !== "")) {
    throw new PetioleError("ERR_IMAGE_FIRST_BOOT", 'Cannot add to "cmdline.txt": want one line with words');
  }
  if (words.includes(RUN)) return text;
  const keys = new Set(words.map((word) => word.split("=", 1)[0]));
  const missing = AFTERWARDS.filter((word) => !keys.has(word.split("=", 1)[0]));
  return `${[...words, RUN, ...missing].join(" ")}\n`;
}

/** The script on the boot partition. It may be interrupted anywhere, and run again. */
export const FIRST_RUN = `#!/bin/sh
# Installs petiole at the first boot. Written by "petiole image prepare"; may be run again at any time.
here=$(cd "$(dirname "$0")" && pwd)
cmdline=\${here%/petiole}/cmdline.txt

# With systemd.run= nothing is up but the file systems, and the machine boots once more.
early() { grep -q "systemd\\.run=" /proc/cmdline; }

# cloud-init runs a command once, also when the power is cut in the middle of it. What lies here it runs at each boot.
again=/var/lib/cloud/scripts/per-boot/petiole

run_again() {
  if early || [ ! -d "\${again%/*}" ]; then return 0; fi
  printf '#!/bin/sh\\nexec sh "%s/firstrun.sh"\\n' "$here" >"$again" && chmod 755 "$again"
  sync
}

install_packages() {
  cd "$here" || return 1
  # Not by a pattern of names: others may be left of an earlier try.
  files=$(sed -n 's|^[0-9a-f]*  \\([^/ ]*\\.deb\\)$|./\\1|p' SHA256SUMS 2>/dev/null)
  if [ -z "$files" ]; then echo "no package here: nothing to install"; return 0; fi
  # FAT has no check of its own.
  sha256sum -c SHA256SUMS || return 1
  # What a power cut left half done.
  dpkg --configure -a
  export DEBIAN_FRONTEND=noninteractive
  # With a network, what it needs and recommends comes along; without, what is here has to do.
  if early || ! apt_install $files; then dpkg --force-confold -i $files || return 1; fi
  sync
  rm -f SHA256SUMS $files
}

apt_install() {
  apt-get -q -o Acquire::Retries=1 -o Acquire::http::Timeout=20 update
  apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold install "$@"
}

restore_cmdline() {
  grep -q "${RUN}" "$cmdline" 2>/dev/null || return 0
  sed -e "s|  *${RUN}||" "$cmdline" >"$cmdline.new"
  # What another command needs stays: whoever put it there takes it away.
  if ! grep -q " systemd\\.run=" "$cmdline.new"; then
    sed ${AFTERWARDS.map((word) => `-e "s|  *${word.replaceAll(".", "\\\\.")}||"`).join(" ")} "$cmdline.new" >"$cmdline.newer"
    mv "$cmdline.newer" "$cmdline.new"
  fi
  sync
  mv "$cmdline.new" "$cmdline"
  sync
}

{
  run_again
  if install_packages; then outcome=ok; else outcome=failed; fi
  # In any case: a device that boots without petiole can be reached and mended.
  restore_cmdline
  rm -f "$again"
  echo "first run: $outcome"
  if [ "$outcome" = ok ]; then
    # Last, as the command line named it until now.
    rm -f "$here/firstrun.sh"
    if ! early; then systemctl start --no-block petiole-firstboot.service; fi
  fi
} >>"$here/firstrun.log" 2>&1
sync
exit 0
`;
