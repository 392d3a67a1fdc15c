// The live feed: hello with the session's cookie, resume by epoch and seq, loss noticed by `prev`, silence noticed by the clock.
// It knows nothing of the page; what arrives is handed to the listener:
//   onEvent(event) · onSnapshot(alerts) · onHeard(iso time | null) · onState("connecting" | "live" | "lost" | "deaf" | "signed_out" | "not_allowed")
// "lost" is a cut connection, "deaf" is two heartbeats without a word: only then the page says so in large letters.

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8000;
const LOOK_EVERY_MS = 500;

export class Feed {
  constructor(listener, { address = feedAddress(), heartbeat_s = 15 } = {}) {
    this.listener = listener;
    this.address = address;
    this.heartbeatMs = heartbeat_s * 1000;
    this.epoch = null;
    this.position = null; // null: nothing is known, the next word must be a snapshot
    this.gathered = []; // alerts of a snapshot that has not said `last` yet
    this.failures = 0;
    this.heardAt = Date.now(); // the wall clock, because the other one stands still while the machine sleeps
    this.state = null;
  }

  start() {
    this.look = setInterval(() => this.#watch(), LOOK_EVERY_MS);
    for (const [target, name] of [[document, "visibilitychange"], [window, "online"], [window, "pageshow"]]) {
      target.addEventListener(name, () => this.#wake());
    }
    this.#connect();
    return this;
  }

  stop() {
    clearInterval(this.look);
    this.stopped = true;
    this.#drop();
  }

  #connect() {
    clearTimeout(this.retry);
    this.retry = null;
    this.gathered = [];
    this.#say(this.state === "deaf" ? "deaf" : "connecting");
    const socket = new WebSocket(this.address);
    this.socket = socket;
    socket.onopen = () => {
      const hello = { op: "hello" };
      if (this.epoch !== null && this.position !== null) hello.resume = { epoch: this.epoch, seq: this.position };
      socket.send(JSON.stringify(hello));
    };
    socket.onmessage = ({ data }) => this.socket === socket && this.#take(JSON.parse(data));
    socket.onclose = ({ code }) => this.socket === socket && this.#closed(code);
  }

  #take(frame) {
    this.heardAt = Date.now();
    switch (frame.op) {
      case "welcome": return this.#welcome(frame);
      case "event": return this.#event(frame);
      case "snapshot": return this.#snapshot(frame);
      case "heartbeat":
        if (this.position !== null) this.position = Math.max(this.position, frame.seq);
        return this.#heard(frame.at);
      default: return undefined; // an operation of a later version
    }
  }

  #welcome({ epoch, heartbeat_s }) {
    if (epoch !== this.epoch) this.position = null;
    this.epoch = epoch;
    this.heartbeatMs = heartbeat_s * 1000;
    this.gathered = [];
    this.#heard(null);
  }

  #event(event) {
    if (this.position === null || event.seq <= this.position) return;
    if (event.prev > this.position) {
      this.#again(); // something between the two was lost: the truth is asked for once more
      return;
    }
    this.position = event.seq;
    this.failures = 0;
    this.#heard(event.at);
    this.listener.onEvent(event);
  }

  #snapshot({ at_seq, alerts, last }) {
    this.gathered.push(...alerts);
    if (!last) return;
    const all = this.gathered;
    this.gathered = [];
    this.position = at_seq;
    this.failures = 0;
    this.#heard(null);
    this.listener.onSnapshot(all);
  }

  #heard(at) {
    this.#say("live");
    this.listener.onHeard?.(at);
  }

  #closed(code) {
    this.socket = null;
    if (this.stopped) return;
    if (code === 4401) return this.#say("signed_out");
    if (code === 4403) return this.#say("not_allowed");
    if (code === 4400) this.epoch = this.position = null; // what we said was not understood: begin from nothing
    if (this.state !== "deaf") this.#say("lost");
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.failures) * (0.5 + Math.random() / 2);
    this.failures += 1;
    this.retry = setTimeout(() => this.#connect(), wait);
  }

  #watch() {
    if (this.#isOver() || Date.now() - this.heardAt <= 2 * this.heartbeatMs) return;
    this.#say("deaf");
    if (this.socket && Date.now() - (this.cutAt ?? 0) > this.heartbeatMs) {
      this.cutAt = Date.now();
      this.#again();
    }
  }

  // The tab came to the front, the network came back or the machine woke up: do not wait for a timer.
  #wake() {
    if (this.#isOver() || document.visibilityState === "hidden") return;
    this.#watch();
    if (this.retry) this.#connect();
  }

  #again() {
    this.#drop();
    this.#closed(1006);
  }

  #drop() {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  #isOver() {
    return this.stopped || this.state === "signed_out" || this.state === "not_allowed";
  }

  #say(state) {
    if (state === this.state) return;
    this.state = state;
    this.listener.onState(state);
  }
}

export function feedAddress() {
  const address = new URL("/api/v1/feed", location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return address.href;
}
