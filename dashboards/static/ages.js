// Every time says how old it is, by the server's clock and not by this machine's.

import { t } from "./words.js";

let ahead = Date.parse(document.documentElement.dataset.now) - Date.now(); // how far the server's clock is ahead of ours

export function setServerTime(iso) {
  if (iso) ahead = Date.parse(iso) - Date.now();
}

export function serverNow() {
  return Date.now() + ahead;
}

const STEPS = [["minutes", 60], ["hours", 3600], ["days", 86400]];

// Mirrors dashboards/pages/ages.py, which writes the same words when the page is made.
export function age(instant, now = serverNow()) {
  const seconds = (now - instant) / 1000;
  const far = Math.abs(seconds);
  if (far < 60) return t(seconds >= 0 ? "age.now" : "age.soon");
  const [unit, size] = far < 3600 ? STEPS[0] : far < 48 * 3600 ? STEPS[1] : STEPS[2];
  return t(`age.${seconds >= 0 ? "past" : "ahead"}_${unit}`, { n: Math.floor(far / size) });
}

export function refreshAges(root = document) {
  for (const element of root.querySelectorAll("time[data-age]")) {
    const words = age(Date.parse(element.dateTime));
    if (element.textContent !== words) element.textContent = words;
  }
}

refreshAges();
setInterval(refreshAges, 10000);
document.addEventListener("visibilitychange", () => refreshAges());
