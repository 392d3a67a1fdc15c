// What every live page shows about the feed itself: the small pulse, the large "deaf", the way back to the log-in.

import { setServerTime } from "./ages.js";
import { Feed } from "./feed.js";
import { t } from "./words.js";

export function follow({ onEvent, onSnapshot }) {
  const pulse = document.querySelector("[data-pulse]");
  const deaf = document.querySelector("[data-deaf]");
  const heard = deaf.querySelector("time");
  const feed = new Feed({
    onEvent,
    onSnapshot,
    onHeard(at) {
      setServerTime(at);
      const now = new Date();
      heard.dateTime = now.toISOString();
      heard.textContent = now.toLocaleTimeString(document.documentElement.lang);
    },
    onState(state) {
      if (pulse) {
        pulse.dataset.state = state;
        pulse.querySelector("[data-words]").textContent = t(`live.${state}`);
      }
      for (const part of deaf.querySelectorAll("[data-when]")) part.hidden = part.dataset.when !== state;
      deaf.hidden = !["deaf", "signed_out", "not_allowed"].includes(state);
    },
  });
  return feed.start();
}
