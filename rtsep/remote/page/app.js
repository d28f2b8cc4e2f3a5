// The page: what rtsep tells goes to its parts, what is touched goes to rtsep.

import { setting } from "./controls.js";
import { Picture, drawKeyboard, isLight, noteName } from "./drawing.js";
import { Link } from "./link.js";
import { Ends, Stem, fillMessages, fillPresets, levelsOf, notesOf } from "./panels.js";

const QUICK = ["mode", "split", "wet", "latency_samples", "midi_offset_ms", "tuning_cents"];
const PLAYER = ["pause", "back", "forward", "loop", "speed", "recording_db", "microphone_db"];
const HANDS = ["swap_hands", "claim_left", "claim_right"];
const SWITCHES = { record: "recording", bypass: "bypass", freeze: "frozen" }; // Buttons, and the status that lights them.
const $ = (id) => document.getElementById(id);

const state = { status: {}, hello: null, stems: [], notes: [], widgets: new Map(), presetOf: "", looks: true };
const picture = new Picture($("picture"));
const ends = new Ends($("ends"));

const link = new Link({ hello, changes, levels, notes: (data) => { state.notes = notesOf(data); }, picture: columns, state: linked });

// --- what rtsep tells ---

function hello(told) {
  const isSame = state.hello && JSON.stringify(Object.keys(state.hello.controls)) === JSON.stringify(Object.keys(told.controls));
  state.hello = told;
  state.status = {};
  document.body.classList.toggle("is-guest", told.guest);
  $("guest").hidden = !told.guest;
  $("invite").hidden = !told.invitation;
  if (told.invitation) {
    $("guest-code").src = told.invitation.picture;
    $("guest-link").textContent = told.invitation.link;
  }
  if (!isSame) build(told);
  changes(told);
  watch();
}

function build(told) {
  state.stems = told.stems.map((name, at) => new Stem(link, name, at, told.stems.length, openPresets));
  $("stems").replaceChildren(...state.stems.map((stem) => stem.element));
  state.widgets.clear();
  fill($("quick"), [...QUICK, ...HANDS].filter((name) => name in told.controls));
  fill($("player-controls"), PLAYER.filter((name) => name in told.controls));
  $("player").hidden = !("pause" in told.controls);
  $("everything").replaceChildren();
  if ($("all").open) fillAll();
  for (const name of ["record", "panic", "bypass", "freeze"]) $(name).hidden = !(name in told.controls);
  $("source").replaceChildren(...told.sources.map((name) => new Option(name === "mix" ? "the mix" : name === "input" ? "the input"
    : `mix and ${name}`, name)));
}

function fill(place, targets) {
  place.replaceChildren(...targets.map((target) => {
    const found = setting(link, target, state.hello.controls[target]);
    if (!state.widgets.has(target)) state.widgets.set(target, []);
    state.widgets.get(target).push(found);
    const value = state.hello.values[target];
    if (value) found.show(value);
    return found.element;
  }));
}

function fillAll() {
  if ($("everything").children.length || !state.hello) return;
  fill($("everything"), Object.keys(state.hello.controls));
}

function changes({ values = {}, status = {} }) {
  Object.assign(state.hello.values, values);
  for (const [target, reading] of Object.entries(values)) {
    for (const widget of state.widgets.get(target) ?? []) widget.show(reading);
    const of = target.slice(target.indexOf(".") + 1);
    state.stems.find((stem) => target.includes(".") && stem.name === of)?.show(target, reading);
    if (target === "bypass" || target === "freeze") light(target, reading.value);
  }
  Object.assign(state.status, status);
  if (Object.keys(status).length) tell(status);
}

function light(id, on) { $(id).setAttribute("aria-pressed", String(Boolean(on))); }

function tell(status) {
  const now = state.status;
  $("device").textContent = now.state === "playing" ? `${now.device}, ${now.midi ? `MIDI: ${now.midi}` : "no MIDI"}` : now.state;
  $("latency").textContent = now.latency;
  $("latency").title = now.latency_long;
  $("losses").textContent = now.losses;
  $("losses").title = now.losses_long;
  $("losses").classList.toggle("bad", now.late > 0);
  for (const [id, name] of Object.entries(SWITCHES)) light(id, now[name]);
  $("record").textContent = now.recording ? "Stop" : "Record";
  $("record").setAttribute("aria-label", now.recording ? "Stop recording" : "Record");
  if ("shown" in status || "presets" in status) state.stems.forEach((stem, at) => stem.rename(now.shown[at], now.presets[at]));
  if ("scenes" in status || "scene" in status) tellScenes(now);
  $("following").textContent = now.following;
  $("playback").textContent = now.playback;
  const last = now.messages.at(-1);
  if ("messages" in status) {
    fillMessages($("messages"), now.messages);
    $("spoken").textContent = last ? last[2] : "";
  }
  const texts = [now.learning && `Learning ${now.learning}: move its knob.`, now.recording, now.hint, last && last[2]];
  $("said").textContent = now.refused ?? texts.filter(Boolean).join(" · ");
  if (now.refused) setTimeout(() => { delete now.refused; tell({}); }, 4000);
}

function tellScenes(now) {
  $("setlist").hidden = now.scenes.length === 0;
  $("scene").replaceChildren(...now.scenes.map((name, at) => new Option(`${at + 1} ${name}`, String(at + 1))));
  $("scene").value = String(now.scene);
}

function levels(data) {
  const found = levelsOf(data);
  found.stems.forEach((each, at) => state.stems[at]?.meter.show(each));
  ends.show(found.inputs, found.outputs, found.ends);
}

function columns(data) { picture.add(new Uint8Array(data), state.notes); }

function linked(how) {
  const words = { open: "connected", starting: "rtsep is starting", lost: "not connected", refused: "link not valid",
    full: "no room" };
  $("link").textContent = words[how];
  document.body.classList.toggle("away", how !== "open");
  $("main").inert = how !== "open";
  const gone = { lost: "rtsep is not connected: what you see is old. Trying again …",
    refused: "This link is not valid any more. Scan the code in rtsep's terminal again (key i).",
    full: "Twelve pages look already. Close one of them." }[how] ?? "";
  $("gone").hidden = !gone;
  $("gone").textContent = gone;
  if (how === "open") return;
  state.notes = [];
  for (const meter of [...state.stems.map((stem) => stem.meter), ...ends.meters]) meter.show({ peak: -120, hold: -120, clipped: false });
}

// --- what is touched ---

for (const name of ["record", "panic", "previous_scene", "next_scene"]) $(name).addEventListener("click", () => link.press(name));
for (const name of ["bypass", "freeze"]) {
  $(name).addEventListener("click", () => link.set(name, $(name).getAttribute("aria-pressed") !== "true"));
}
$("scene").addEventListener("change", (event) => link.press(`scene.${event.target.value}`));
$("all").addEventListener("toggle", fillAll);
$("query").addEventListener("input", (event) => {
  const query = event.target.value.toLowerCase();
  for (const each of $("everything").children) each.hidden = !each.dataset.text.includes(query);
});
for (const element of document.querySelectorAll("dialog .close")) {
  element.addEventListener("click", () => element.closest("dialog").close());
}
$("invite").addEventListener("click", () => $("invitation").showModal());

function openPresets(stem) {
  if (link.guest) return;
  state.presetOf = stem;
  $("preset-query").value = "";
  showPresets();
  $("presets").showModal();
}

function showPresets() {
  const at = state.stems.findIndex((stem) => stem.name === state.presetOf), playing = state.status.presets[at];
  $("presets-title").textContent = `Preset of ${state.status.shown[at]}`;
  fillPresets($("preset-list"), state.hello.presets, $("preset-query").value, playing, (name) => {
    link.press(`preset.${name}@${state.presetOf}`);
    $("presets").close();
  });
}
$("preset-query").addEventListener("input", showPresets);

// --- the picture ---

function watch() {
  if (!state.hello) return;
  const wanted = $("source").value || "mix", sources = ["mix", "input"].includes(wanted) ? [wanted] : ["mix", wanted];
  const only = sources.map((name) => (state.hello.stems.includes(name) ? state.hello.stems.indexOf(name) : null));
  picture.reset(only, state.hello.bands, state.hello.lowest, state.hello.picture_s, state.hello.stems.length);
  link.watch(state.looks && !document.hidden ? sources : []);
}
$("source").addEventListener("change", watch);
$("watch").addEventListener("click", () => {
  state.looks = !state.looks;
  $("watch").textContent = state.looks ? "Pause" : "Go on";
  watch();
});
document.addEventListener("visibilitychange", watch);

let drawn = "";
function draw() {
  requestAnimationFrame(draw);
  if (state.looks && !document.body.classList.contains("away")) picture.draw();
  const now = JSON.stringify([state.notes, isLight(), $("keyboard").clientWidth]);
  if (now === drawn) return;
  drawn = now;
  drawKeyboard($("keyboard"), state.notes, state.stems.length);
  const held = state.stems.map((stem, at) => [stem.title.textContent, state.notes.filter((note) => note.stem === at && note.held)
    .map((note) => noteName(note.pitch))]).filter(([, names]) => names.length);
  $("sounding").textContent = held.map(([name, names]) => `${name}: ${names.join(" ")}`).join("   ");
  $("keyboard").setAttribute("aria-label", `Keyboard. ${$("sounding").textContent || "No key is held"}`);
}
draw();

// --- stage or daylight, and the screen that stays on ---

function paint(theme) {
  document.documentElement.dataset.theme = theme;
  $("theme").textContent = theme === "light" ? "Stage" : "Day";
  $("theme").setAttribute("aria-label", theme === "light" ? "Dark colours for the stage" : "Bright colours for daylight");
  document.querySelector('meta[name="theme-color"]').content = theme === "light" ? "#f3f5f8" : "#0d1117";
  try { localStorage.setItem("rtsep-theme", theme); } catch { /* It is forgotten with the page. */ }
  state.stems.forEach((stem) => stem.colour());
}
let kept = null;
try { kept = localStorage.getItem("rtsep-theme"); } catch { /* Nothing is kept. */ }
paint(kept ?? (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark"));
$("theme").addEventListener("click", () => paint(isLight() ? "dark" : "light"));

let lock = null;
async function stayAwake() {
  try {
    lock = await navigator.wakeLock.request("screen");
    lock.addEventListener("release", () => light("awake", false));
    light("awake", true);
  } catch { light("awake", false); }
}
$("awake").addEventListener("click", () => {
  if (!("wakeLock" in navigator)) $("awake-note").showModal();
  else if (lock && !lock.released) lock.release();
  else stayAwake();
});
document.addEventListener("visibilitychange", () => { if (lock && !document.hidden) stayAwake(); });
if ("wakeLock" in navigator) stayAwake();
