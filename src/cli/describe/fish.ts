import { optionValues, placesOf, type Place } from "./shell.ts";
import type { CommandNode, OptionNode } from "./tree.ts";

/** Completion for fish, with descriptions. */
export function fishCompletion(root: CommandNode): string {
  const places = placesOf(root);
  return `# Completion of ${root.name} for fish.
function __petiole_path
  set -l path petiole
  for word in (commandline -opc)[2..-1]
    switch "$path $word"
${places.flatMap(({ children, path }) => children.map((child) => `      case ${quote(`${path} ${child.word}`)}\n        set path ${quote(child.path)}`)).join("\n")}
    end
  end
  echo $path
end
function __petiole_at
  test (__petiole_path) = "$argv[1]"
end
# Whether an option that wants a value stands right before.
function __petiole_value
  set -l words (commandline -opc)
  switch (__petiole_path)" $words[-1]"
    case ${places.flatMap((place) => optionValues(place).flatMap(({ patterns }) => patterns.map(quote))).join(" ")}
      return 0
  end
  return 1
end
complete -c ${root.name} -f
${places.flatMap(linesOf).join("\n")}
`;

  function linesOf(place: Place): string[] {
    const at = `complete -c ${root.name} -n ${quote(`__petiole_at ${quote(place.path)}; and not __petiole_value`)}`;
    const option = `complete -c ${root.name} -n ${quote(`__petiole_at ${quote(place.path)}`)}`;
    return [
      ...place.children.map(({ word, description }) => `${at} -a ${quote(word)} -d ${quote(description)}`),
      ...place.choices.map((choice) => `${at} -a ${quote(choice)}`),
      ...(place.takesFiles ? [`${at} -F`] : []),
      ...place.node.options.map((one) => `${option} ${flagsOf(one)} -d ${quote(one.description)}`),
    ];
  }
}

function flagsOf({ names, takesValue, choices, isFile }: OptionNode): string {
  const flags = names.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  if (takesValue) flags.push(isFile ? "-r -F" : "-x");
  if (choices.length > 0) flags.push(`-a ${quote(choices.join(" "))}`);
  return flags.join(" ");
}

/** In single quotes, as fish reads it. */
const quote = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
