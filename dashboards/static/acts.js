// What a nurse does with an alert: claim, start, snooze, close. Used by the board and by the patient's page alike.
// A button carries data-verb and the alerts it is about as "id:version id:version"; the versions are those that were seen.

import { Refused, send } from "./send.js";
import { t } from "./words.js";

const listeners = [];
const toasts = document.querySelector("[data-toasts]");

export function onChanged(listener) {
  listeners.push(listener);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-verb]");
  if (!button || button.getAttribute("aria-busy") === "true") return;
  const dialog = document.querySelector(`dialog[data-for="${button.dataset.verb}"]`);
  if (dialog) open(dialog, button);
  else void act(button, button.dataset.verb, {}, button);
});

function open(dialog, button) {
  const form = dialog.querySelector("form");
  form.reset();
  form.querySelector("[data-notice]").hidden = true;
  form.dataset.alerts = button.dataset.alerts;
  form.dataset.patient = button.dataset.patient;
  form.querySelector("[data-about]").textContent = button.dataset.about;
  for (const part of form.querySelectorAll("[data-not-red]")) {
    part.hidden = button.dataset.zone === "red";
    for (const input of part.querySelectorAll("input")) input.disabled = part.hidden;
  }
  dialog.showModal();
}

document.addEventListener("submit", async (event) => {
  const dialog = event.target.closest("dialog[data-for]");
  if (!dialog || event.submitter?.value === "cancel") return;
  event.preventDefault();
  const form = event.target;
  const notice = form.querySelector("[data-notice]");
  notice.hidden = true;
  const body = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
  if (body.minutes) {
    const { serverNow } = await import("./ages.js");
    body.until = new Date(serverNow() + 60000 * Number(body.minutes)).toISOString();
    delete body.minutes;
  }
  const wrong = await act(form, dialog.dataset.for, body, event.submitter);
  if (wrong) {
    notice.textContent = wrong;
    notice.hidden = false;
  } else dialog.close();
});

// Returns the sentence for what went wrong, or null. Several alerts (one patient's) are done one after the other.
async function act(from, verb, body, busy) {
  busy.setAttribute("aria-busy", "true");
  let wrong = null;
  try {
    for (const one of from.dataset.alerts.split(" ")) {
      const [alert, version] = one.split(":");
      wrong = await once(alert, verb, body, version);
      if (wrong) break;
    }
  } finally {
    busy.removeAttribute("aria-busy");
  }
  for (const listener of listeners) listener(from.dataset.patient);
  if (wrong && from !== busy?.closest("form")) say(wrong);
  return wrong;
}

async function once(alert, verb, body, version) {
  try {
    await send(`/api/v1/alerts/${alert}/${verb}`, { body, version });
    return null;
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    return refused.status === 409 ? whoWasFirst(alert, refused.message) : refused.message;
  }
}

async function whoWasFirst(alert, otherwise) {
  try {
    const answer = await fetch(`/alerts/${alert}/last`, { headers: { Accept: "application/json" } });
    return answer.ok ? (await answer.json()).sentence : otherwise;
  } catch {
    return otherwise;
  }
}

export function say(sentence) {
  const toast = document.createElement("div");
  toast.className = "toast";
  const words = document.createElement("span");
  words.textContent = sentence;
  const away = document.createElement("button");
  away.type = "button";
  away.className = "button";
  away.textContent = t("act.understood");
  away.addEventListener("click", () => toast.remove());
  toast.append(words, away);
  toasts.replaceChildren(toast);
}
