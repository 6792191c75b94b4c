import { optionValues, placesOf, quote, type Place } from "./shell.ts";
import type { CommandNode } from "./tree.ts";

/** Completion for zsh, with descriptions. */
export function zshCompletion(root: CommandNode): string {
  const places = placesOf(root);
  return `#compdef ${root.name}
# Completion of ${root.name} for zsh.
_petiole() {
  local path_=petiole files= i
  local -a entries
  for ((i = 2; i < CURRENT; i++)); do
    case "$path_ $words[i]" in
${places.flatMap(({ children, path }) => children.map((child) => `      ${quote(`${path} ${child.word}`)}) path_=${quote(child.path)} ;;`)).join("\n")}
    esac
  done
  case "$path_ $words[CURRENT-1]" in
${places.flatMap(valueCases).join("\n")}
    *)
      case "$path_" in
${places.map(placeCase).join("\n")}
      esac
      ;;
  esac
  (( $#entries )) && _describe -V ${root.name} entries
  [[ -n $files && $PREFIX != -* ]] && _files
  return 0
}
if [[ $funcstack[1] == _petiole ]]; then _petiole "$@"; else compdef _petiole ${root.name}; fi
`;
}

function valueCases(place: Place): string[] {
  return optionValues(place).map(({ option, patterns }) => {
    const then = option.isFile ? "files=1" : `entries=(${option.choices.map(quote).join(" ")})`;
    return `    ${patterns.map(quote).join(" | ")}) ${then} ;;`;
  });
}

function placeCase({ path, node, children, choices, takesFiles }: Place): string {
  const entries = [
    ...children.map(({ word, description }) => entry(word, description)),
    ...choices.map((choice) => quote(choice)),
    ...node.options.flatMap(({ names, description }) => names.map((name) => entry(name, description))),
  ];
  return `        ${quote(path)}) files=${takesFiles ? "1" : ""} entries=(${entries.join(" ")}) ;;`;
}

/** The colon divides the word from its description. */
const entry = (word: string, description: string): string => quote(`${word.replaceAll(":", "\\:")}:${description}`);
