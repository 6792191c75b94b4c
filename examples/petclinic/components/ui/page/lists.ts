// The lists: owners, which can be searched, and vets.

import { get, type OwnerPage, type VetPage } from "./api.ts";
import { el, type Child } from "./dom.ts";
import type { Context, Shown } from "./view.ts";

const SIZE = 10;

export async function showOwners({ address, go, signal }: Context): Promise<Shown> {
  const name = address.searchParams.get("name") ?? "";
  const page = pageOf(address);
  const found = await get<OwnerPage>(
    `/api/owners?${new URLSearchParams({ name, page: String(page), size: String(SIZE) })}`,
    signal,
  );
  const input = el("input", {
    type: "search",
    id: "name",
    name: "name",
    maxlength: "40",
    autocomplete: "off",
    value: name,
  });
  const search = el(
    "form",
    { class: "search", role: "search" },
    el("div", {}, el("label", { for: "name" }, "First or last name"), input),
    el("button", {}, "Search"),
  );
  search.addEventListener("submit", (event) => {
    event.preventDefault();
    const wanted = input.value.trim();
    go(wanted === "" ? "/owners" : `/owners?${new URLSearchParams({ name: wanted })}`);
  });
  const bar = el("div", { class: "row" }, search, el("a", { class: "button main", href: "/owners/new" }, "Add owner"));
  const heading = name === "" ? "Owners" : `Owners: ${name}`;
  if (found.owners.length === 0) {
    return {
      title: heading,
      content: [bar, el("p", {}, name === "" ? "There are none yet." : "Nobody has a name that begins so.")],
    };
  }
  const rows = found.owners.map((owner) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, el("a", { href: `/owners/${owner.id}` }, `${owner.firstName} ${owner.lastName}`)),
      el("td", { class: "wide" }, owner.address),
      el("td", {}, owner.city),
      el("td", { class: "wide" }, owner.telephone),
      el("td", {}, owner.pets.join(", ")),
    ),
  );
  const table = makeTable(["Name", "Address", "City", "Telephone", "Pets"], rows, ["Address", "Telephone"]);
  return { title: heading, content: [bar, table, ...pager(address, found)] };
}

export async function showVets({ address, signal }: Context): Promise<Shown> {
  const query = new URLSearchParams({ page: String(pageOf(address)), size: String(SIZE) });
  const found = await get<VetPage>(`/api/vets?${query}`, signal);
  const rows = found.vets.map(({ firstName, lastName, specialties }) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, `${firstName} ${lastName}`),
      el(
        "td",
        {},
        specialties.length === 0 ? el("span", { class: "quiet" }, "general practice") : specialties.join(", "),
      ),
    ),
  );
  return { title: "Vets", content: [makeTable(["Name", "Specialties"], rows), ...pager(address, found)] };
}

function makeTable(heads: readonly string[], rows: readonly HTMLElement[], wide: readonly string[] = []): HTMLElement {
  const cells = heads.map((head) => el("th", { scope: "col", ...(wide.includes(head) && { class: "wide" }) }, head));
  return el(
    "div",
    { class: "card" },
    el("table", {}, el("thead", {}, el("tr", {}, ...cells)), el("tbody", {}, ...rows)),
  );
}

function pageOf(address: URL): number {
  const written = address.searchParams.get("page") ?? "1";
  return /^[1-9][0-9]{0,4}$/.test(written) ? Number(written) : 1;
}

function pager(
  address: URL,
  { total, page, size }: { readonly total: number; readonly page: number; readonly size: number },
): Child[] {
  const pages = Math.ceil(total / size);
  if (pages < 2) return [];
  const to = (other: number): string => {
    const query = new URLSearchParams(address.searchParams);
    query.set("page", String(other));
    return `${address.pathname}?${query}`;
  };
  return [
    el(
      "nav",
      { class: "pages", "aria-label": "Pages" },
      ...(page > 1 ? [el("a", { href: to(page - 1), rel: "prev" }, "Previous")] : []),
      el("span", {}, `Page ${page} of ${pages}`),
      ...(page < pages ? [el("a", { href: to(page + 1), rel: "next" }, "Next")] : []),
    ),
  ];
}
