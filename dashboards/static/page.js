// On every page: log-out, the menu, messages at the foot of the window.

import "./ages.js";
import { send } from "./send.js";

document.addEventListener("click", async (event) => {
  if (event.target.closest("[data-logout]")) {
    await send("/api/v1/session", { method: "DELETE" }).catch(() => null);
    location.assign("/login");
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
