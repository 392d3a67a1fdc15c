// One patient's page, live: the parts that changed are put in anew. What is being written stays, because forms lie outside the parts;
// what was opened stays open, and a chart is drawn again only if its figures changed.

import { onChanged, say } from "./acts.js";
import { refreshAges } from "./ages.js";
import { drawCharts } from "./chart.js";
import { follow } from "./live.js";
import { send } from "./send.js";
import { t } from "./words.js";

const page = document.querySelector("[data-patient-page]");
const patient = page.dataset.patientPage;
const made = new Map([...page.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part.outerHTML]));
let again = false;
let asking = false;

async function refresh() {
  again = true;
  if (asking) return;
  asking = true;
  let wait = 200;
  while (again) {
    again = false;
    try {
      const answer = await fetch(`/patients/${patient}/parts${location.search}`, { headers: { Accept: "text/html", "X-Part": "1" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = document.createElement("template");
      fresh.innerHTML = await answer.text();
      show(fresh.content);
      wait = 200;
    } catch {
      again = true;
      await new Promise((go) => setTimeout(go, wait));
      wait = Math.min(5000, wait * 2);
    }
  }
  asking = false;
}

function show(fresh) {
  const focus = document.activeElement?.dataset?.focus;
  for (const part of fresh.querySelectorAll("[data-part]")) {
    const name = part.dataset.part;
    if (made.get(name) === part.outerHTML) continue;
    made.set(name, part.outerHTML);
    const old = page.querySelector(`[data-part="${name}"]`);
    for (const kept of old.querySelectorAll("details[data-keep]")) {
      const same = part.querySelector(`details[data-keep="${CSS.escape(kept.dataset.keep)}"]`);
      if (same) same.open = kept.open;
    }
    old.replaceWith(part);
  }
  refreshAges(page);
  drawCharts(page);
  if (focus && document.activeElement === document.body) page.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
}

page.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-message]");
  if (!form) return;
  event.preventDefault();
  const notice = form.querySelector("[data-notice]");
  notice.hidden = true;
  try {
    await send(`/api/v1/patients/${form.dataset.message}/messages`, { body: { text: form.elements.text.value } });
    form.reset();
    say(t("act.message_sent"));
    void refresh();
  } catch (refused) {
    notice.textContent = refused.message;
    notice.hidden = false;
  }
});

drawCharts(page);
onChanged(() => void refresh());
follow({
  onSnapshot: () => void refresh(),
  onEvent(event) {
    if ((event.alert?.patient ?? event.patient) === patient) void refresh();
  },
});
