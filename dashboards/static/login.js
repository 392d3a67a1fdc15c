// Log-in: the session's cookie is set by the answer; the page then goes where the reader was heading.

import { Refused, send } from "./send.js";
import { t } from "./words.js";

const form = document.querySelector("[data-login]");
const notice = form.querySelector("[data-notice]");
const button = form.querySelector("button");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  notice.hidden = true;
  button.setAttribute("aria-busy", "true");
  try {
    await send("/api/v1/session", { body: { user: form.elements.user.value, password: form.elements.password.value } });
    location.assign(form.dataset.next);
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    notice.textContent = refused.status === 401 ? t("login.wrong") : refused.message;
    notice.hidden = false;
    form.elements.password.value = "";
    form.elements.password.focus();
  } finally {
    button.removeAttribute("aria-busy");
  }
});
