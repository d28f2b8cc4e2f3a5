// The websocket to rtsep: it comes back by itself, and notices at once when nothing is heard any more.

const SILENT_MS = 1000; // rtsep sends levels 20 times a second: after such a silence the connection is gone.
const EVERY_MS = 33; // A fader that moves is sent at most this often.
const KEY = "rtsep-key";

function key() {
  const given = location.hash.slice(1);
  try {
    if (given) localStorage.setItem(KEY, given);
    return given || localStorage.getItem(KEY) || "";
  } catch {
    return given; // The browser keeps nothing for this page.
  }
}

export class Link {
  // `on` has the functions hello, changes, levels, notes, picture and state, which is called with "open", "starting", "lost",
  // "refused" or "full".
  constructor(on) {
    this.on = on;
    this.guest = true;
    this.waiting = new Map(); // Of each control that moves, what is sent next.
    this.failures = 0;
    this.why = "lost";
    this.connect();
    setInterval(() => this.look(), 250);
  }

  connect() {
    this.heard = 0;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/live?key=${encodeURIComponent(key())}`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => { this.failures = 0; this.why = "lost"; this.on.state("starting"); };
    socket.onmessage = (event) => this.hear(event.data);
    socket.onclose = () => this.lose(socket);
    this.socket = socket;
  }

  hear(data) {
    const wasSilent = this.heard === 0;
    this.heard = performance.now();
    if (typeof data === "string") {
      const told = JSON.parse(data);
      if (told.hello) { this.guest = told.guest; this.on.hello(told); } else this.on.changes(told);
    } else {
      const kind = new Uint8Array(data, 0, 1)[0];
      (kind === 1 ? this.on.levels : kind === 2 ? this.on.notes : this.on.picture)(data);
    }
    if (wasSilent) this.on.state("open");
  }

  look() {
    if (!this.heard || performance.now() - this.heard <= SILENT_MS) return;
    const socket = this.socket;
    this.lose(socket);
    socket.close();
  }

  lose(socket) {
    if (socket !== this.socket) return;
    this.socket = null;
    this.heard = 0;
    this.failures += 1;
    this.waiting.clear();
    this.on.state(this.why);
    setTimeout(() => this.again(), Math.min(250 * this.failures, 2000));
  }

  async again() { // A websocket does not tell why it is refused; an ordinary request does.
    const answer = await fetch(`/live?key=${encodeURIComponent(key())}`, { cache: "no-store" }).catch(() => null);
    this.why = { 403: "refused", 503: "full" }[answer?.status] ?? "lost";
    if (this.why !== "lost") this.on.state(this.why);
    this.connect();
  }

  send(message) {
    if (this.socket && this.socket.readyState === WebSocket.OPEN && (!this.guest || "watch" in message)) {
      this.socket.send(JSON.stringify(message));
    }
  }

  press(target) { this.send({ press: target }); }
  set(target, value) { this.send({ set: target, value }); }
  step(target, step) { this.send({ set: target, step }); }
  watch(sources) { this.send({ watch: sources }); }

  // Move a number to a position from 0 to 1: at once, then with what it is last after EVERY_MS.
  move(target, position) {
    const isFirst = !this.waiting.has(target);
    this.waiting.set(target, position);
    if (!isFirst) return;
    this.send({ set: target, position });
    setTimeout(() => {
      const last = this.waiting.get(target);
      this.waiting.delete(target);
      if (last !== undefined && last !== position) this.move(target, last);
    }, EVERY_MS);
  }
}
