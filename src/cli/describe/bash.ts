import { optionValues, placesOf, quote, wordsOf, type Place } from "./shell.ts";
import type { CommandNode } from "./tree.ts";

/** Completion for bash, with or without the package bash-completion. */
export function bashCompletion(root: CommandNode): string {
  const places = placesOf(root);
  return `# Completion of ${root.name} for bash.
_petiole() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path=petiole words= files= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path \${COMP_WORDS[i]}" in
${places.flatMap(({ children, path }) => children.map((child) => `      ${quote(`${path} ${child.word}`)}) path=${quote(child.path)} ;;`)).join("\n")}
    esac
  done
  case "$path \${COMP_WORDS[COMP_CWORD - 1]}" in
${places.flatMap(valueCases).join("\n")}
    *)
      case "$path" in
${places.map(placeCase).join("\n")}
      esac
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [[ -n $files && $cur != -* ]]; then
    compopt -o filenames 2>/dev/null
    local IFS=$'\\n'
    COMPREPLY+=($(compgen -f -- "$cur"))
  fi
}
complete -F _petiole ${root.name}
`;
}

/** What may stand where an option wants its value. */
function valueCases(place: Place): string[] {
  return optionValues(place).map(({ option, patterns }) => {
    const then = option.choices.length > 0 ? `words=${quote(option.choices.join(" "))}` : `files=${filesOf(option)}`;
    return `    ${patterns.map(quote).join(" | ")}) ${then} ;;`;
  });
}

const placeCase = (place: Place): string =>
  `        ${quote(place.path)}) words=${quote(wordsOf(place).join(" "))} files=${filesOf({ isFile: place.takesFiles })} ;;`;

const filesOf = ({ isFile }: { readonly isFile: boolean }): string => (isFile ? "1" : "");
