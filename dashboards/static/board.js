// The board, live. An event says which patient changed; the row itself comes from the server, which alone knows how a row looks.
// One question at a time is under way and answers what was asked last, so an older answer never overwrites a newer one.

import { refreshAges } from "./ages.js";
import { follow } from "./live.js";
import { onChanged } from "./acts.js";

const MANY = 100; // asked for at once; more than this and the whole board is read again

const board = document.querySelector("[data-board]");
const address = board.dataset.board; // "/board" or "/mine"
const said = document.querySelector("[data-aloud]");
const waiting = new Set();
let everything = false;
let asking = false;
let countGreens = null;

export function ask(patients) {
  for (const patient of patients) waiting.add(patient);
  if (waiting.size > MANY) everything = true;
  if (!asking) void answer();
}

function askAll() {
  everything = true;
  if (!asking) void answer();
}

async function answer() {
  asking = true;
  let wait = 200;
  while (everything || waiting.size) {
    const all = everything;
    const patients = [...waiting];
    everything = false;
    waiting.clear();
    try {
      if (all) showBoard(await fragment(`${address}/all`));
      else showRows(await fragment(`${address}/rows?${patients.map((patient) => `patient=${patient}`).join("&")}`), patients);
      wait = 200;
    } catch {
      if (all) everything = true;
      for (const patient of patients) waiting.add(patient);
      await new Promise((go) => setTimeout(go, wait));
      wait = Math.min(5000, wait * 2);
    }
  }
  asking = false;
}

async function fragment(path) {
  const answered = await fetch(path, { headers: { Accept: "text/html", "X-Part": "1" } });
  if (!answered.ok) throw new Error(String(answered.status));
  const page = document.createElement("template");
  page.innerHTML = await answered.text();
  return page.content;
}

function showBoard(fresh) {
  const focus = focused();
  const reds = new Set([...board.querySelectorAll('[data-group="red"] .row')].map((row) => row.dataset.patient));
  const greens = board.querySelector("[data-greens]");
  const first = !board.dataset.followed;
  for (const part of fresh.querySelectorAll("[data-part]")) {
    if (part.dataset.part === "greens" && greens?.open) {
      part.querySelector("details").open = true;
    }
    board.querySelector(`[data-part="${part.dataset.part}"]`).replaceWith(part);
  }
  board.dataset.followed = "yes";
  refreshAges(board);
  restore(focus);
  if (board.querySelector("[data-greens]")?.open) void moreGreens(true);
  if (!first) announce([...board.querySelectorAll('[data-group="red"] .row')].filter((row) => !reds.has(row.dataset.patient)));
}

function showRows(fresh, patients) {
  const focus = focused();
  const wereRed = new Set(patients.filter((patient) => rowOf(patient)?.closest('[data-group="red"]')));
  const rows = new Map([...fresh.querySelectorAll(".row")].map((row) => [row.dataset.patient, row]));
  for (const patient of patients) {
    rowOf(patient)?.remove();
    const row = rows.get(patient);
    if (row) place(row);
  }
  count();
  restore(focus);
  announce([...rows.values()].filter((row) => row.dataset.at === "red" && !wereRed.has(row.dataset.patient)));
  countGreens ??= setTimeout(readCounts, 1000);
}

// Every group but the greens stands on the board whole, so its rows are its count; how many greens there are, only the server knows.
function count() {
  let allWell = true;
  for (const group of board.querySelectorAll("[data-group]")) {
    const name = group.dataset.group;
    const tile = board.querySelector(`[data-count="${name}"]`);
    const n = name === "green" ? Number(tile.dataset.n) : group.querySelectorAll(".row").length;
    tile.querySelector("b").textContent = n;
    tile.dataset.n = n;
    tile.toggleAttribute("data-none", n === 0);
    for (const written of group.querySelectorAll("[data-n-of]")) written.textContent = n;
    group.hidden = n === 0;
    if (n && name !== "green") allWell = false;
  }
  board.querySelector("[data-all-well]").hidden = !allWell;
}

async function readCounts() {
  countGreens = null;
  try {
    board.querySelector('[data-part="counts"]').replaceWith(await fragment(`${address}/counts`));
    count();
  } catch {
    countGreens ??= setTimeout(readCounts, 5000);
  }
}

function place(row) {
  const group = board.querySelector(`[data-group="${row.dataset.at}"]`);
  const list = group.querySelector(".rows");
  if (row.dataset.at === "green" && !group.querySelector("details").open) return; // counted, not shown
  const after = [...list.children].find((other) => other.dataset.order > row.dataset.order);
  list.insertBefore(row, after ?? null);
  row.classList.add("fresh");
  refreshAges(row);
}

function rowOf(patient) {
  return board.querySelector(`.row[data-patient="${patient}"]`);
}

// What had the focus is found again by name in the row that took the place of its own.
function focused() {
  const row = document.activeElement?.closest(".row");
  return row ? { patient: row.dataset.patient, name: document.activeElement.dataset.focus } : null;
}

function restore(focus) {
  if (!focus || document.activeElement?.closest(".row, dialog")) return;
  const row = rowOf(focus.patient);
  (row?.querySelector(`[data-focus="${focus.name}"]`) ?? row?.querySelector("a"))?.focus({ preventScroll: true });
}

function announce(rows) {
  if (rows.length) said.textContent = rows.map((row) => row.dataset.said).join(" ");
}

async function moreGreens(again = false) {
  const greens = board.querySelector("[data-greens]");
  const list = greens.querySelector(".rows");
  const more = greens.querySelector("[data-more]");
  const after = again ? "" : (more.dataset.after ?? "");
  const fresh = await fragment(`${address}/greens?after=${encodeURIComponent(after)}`);
  if (again) list.replaceChildren();
  const rows = fresh.querySelectorAll(".row");
  list.append(...rows);
  const next = fresh.querySelector("[data-next]");
  more.hidden = !next;
  if (next) more.dataset.after = next.dataset.next;
  refreshAges(list);
  return rows[0];
}

board.addEventListener("toggle", ({ target }) => {
  if (!target.matches("[data-greens]")) return;
  if (target.open) void moreGreens(true);
  else target.querySelector(".rows").replaceChildren();
}, true);

board.addEventListener("click", async ({ target }) => {
  if (!target.closest("[data-more]")) return;
  const first = await moreGreens();
  first?.querySelector("a")?.focus();
});

onChanged((patient) => ask([patient]));
follow({
  onSnapshot: askAll,
  onEvent(event) {
    const patient = event.alert?.patient ?? event.patient;
    if (patient) ask([patient]);
  },
});
