import { byId, setText } from "./dom.ts";

const THEMES = ["system", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];
const KEY = "petiole-theme";

/** As the system has it, or as the button was left. */
export function followTheme(): void {
  const button = byId("theme");
  let theme: Theme = THEMES.find((one) => one === localStorage.getItem(KEY)) ?? "system";
  const show = (): void => {
    document.documentElement.dataset["theme"] = theme;
    setText(button, `Theme: ${theme}`);
  };
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
    localStorage.setItem(KEY, theme);
    show();
  });
  show();
}
