// One patient's page, live: the parts that may have changed are read again; what is being written stays, because forms are dialogs.

import { onChanged } from "./acts.js";
import { refreshAges } from "./ages.js";
import { drawCharts } from "./chart.js";
import { follow } from "./live.js";

const page = document.querySelector("[data-patient-page]");
const patient = page.dataset.patientPage;
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
      const answer = await fetch(`/patients/${patient}/parts`, { headers: { Accept: "text/html" }, redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = document.createElement("template");
      fresh.innerHTML = await answer.text();
      show(fresh.content);
      void drawCharts(page);
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
    const old = page.querySelector(`[data-part="${part.dataset.part}"]`);
    if (old && old.outerHTML !== part.outerHTML) old.replaceWith(part);
  }
  refreshAges(page);
  if (focus && document.activeElement === document.body) page.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
}

onChanged(() => void refresh());
void drawCharts(page);
follow({
  onSnapshot: () => void refresh(),
  onEvent(event) {
    if ((event.alert?.patient ?? event.patient) === patient) void refresh();
  },
});
