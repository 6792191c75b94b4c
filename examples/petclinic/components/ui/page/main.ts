// Shows the view of the present address, and follows links without loading the page anew.

import { findView } from "../../common/views.ts";
import { ApiError } from "./api.ts";
import { el, part } from "./dom.ts";
import { showOwners, showVets } from "./lists.ts";
import { showAddOwner, showAddPet, showAddVisit, showOwner } from "./owner.ts";
import type { Context, Shown } from "./view.ts";

const main = part("main");
const notice = part("notice");
let showing = new AbortController();

function go(address: string, text = ""): void {
  history.pushState(undefined, "", address);
  // Stays until something else is done: nobody has to read in time.
  notice.textContent = text;
  void show({ moved: true });
}

async function prepare(context: Context): Promise<Shown> {
  const view = findView(context.address.pathname);
  switch (view?.name) {
    case "owners":
      return await showOwners(context);
    case "vets":
      return await showVets(context);
    case "owner":
      return await showOwner(context, view.owner);
    case "add-owner":
      return showAddOwner(context);
    case "add-pet":
      return await showAddPet(context, view.owner);
    case "add-visit":
      return await showAddVisit(context, view.owner, view.pet);
    case undefined:
    default:
      throw new ApiError("There is nothing at this address", { status: 404 });
  }
}

function failure(error: unknown): Shown {
  if (!(error instanceof ApiError)) throw error;
  if (error.status === 404) return { title: "Not found", content: [el("p", {}, error.message)] };
  const again = el("button", { class: "main", type: "button" }, "Try again");
  again.addEventListener("click", () => void show({ moved: true }));
  return { title: "That did not work", content: [el("p", { class: "alert", role: "alert" }, error.message), again] };
}

async function show({ moved }: { readonly moved: boolean }): Promise<void> {
  showing.abort();
  showing = new AbortController();
  const { signal } = showing;
  const address = new URL(location.href);
  main.setAttribute("aria-busy", "true");
  const { title, content } = await prepare({ address, signal, go }).catch((error: unknown) => {
    if (signal.aborted) return { title: "", content: [] };
    return failure(error);
  });
  if (signal.aborted) return;
  const heading = el("h1", { tabindex: "-1" }, title);
  main.replaceChildren(heading, ...content);
  main.removeAttribute("aria-busy");
  document.title = `${title} · Pet Clinic`;
  for (const link of document.querySelectorAll("header nav a")) {
    const path = link.getAttribute("href") ?? "";
    if (address.pathname.startsWith(path) || (address.pathname === "/" && path === "/owners")) {
      link.setAttribute("aria-current", address.pathname === path ? "page" : "true");
    } else link.removeAttribute("aria-current");
  }
  if (!moved) return;
  // Where a reader goes on, and what a screen reader says first.
  heading.focus();
  scrollTo(0, 0);
}

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (link === null || event.defaultPrevented || event.button !== 0) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || link.origin !== location.origin) return;
  if (link.getAttribute("href")?.startsWith("#") === true) return;
  event.preventDefault();
  go(link.href);
});
addEventListener("popstate", () => {
  notice.textContent = "";
  void show({ moved: true });
});
void show({ moved: false });
