// Parts of the page: stems with their meters, inputs and outputs, presets, messages.

import { button } from "./controls.js";
import { stemColour } from "./drawing.js";
import { fader } from "./fader.js";

const LOWEST_DB = -60; // A meter is empty at this level, in dBFS.
const SILENT_DB = -120;
const UNITY = 0.75; // A fader stands at 0 dB at this position.

export function make(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

function meter(label) {
  const element = make("div", "meter");
  element.setAttribute("role", "meter");
  element.setAttribute("aria-label", label);
  element.setAttribute("aria-valuemin", LOWEST_DB);
  element.setAttribute("aria-valuemax", 0);
  element.innerHTML = '<div class="level"></div><div class="hold"></div>';
  const decibels = make("span", "decibels"), clip = make("span", "clip", "CLIP");
  clip.hidden = true;
  const share = (db) => Math.min(Math.max(1 - db / LOWEST_DB, 0), 1);
  let told = 0;
  return {
    element, decibels, clip,
    show({ peak, hold, clipped }) {
      element.style.setProperty("--level", share(peak));
      element.style.setProperty("--hold", share(hold));
      clip.hidden = !clipped;
      if (performance.now() - told < 200) return; // Numbers that change faster cannot be read.
      told = performance.now();
      decibels.textContent = hold > SILENT_DB ? `${hold.toFixed(0)} dB` : "silent";
      element.setAttribute("aria-valuenow", Math.max(Math.round(hold), LOWEST_DB));
      element.setAttribute("aria-valuetext", decibels.textContent);
    },
  };
}

// One stem: name, preset, mute, solo, fader and meter.
export class Stem {
  constructor(link, name, at, stems, choosePreset) {
    Object.assign(this, { link, name, at, stems });
    this.element = make("article", "stem");
    this.title = make("h3", "");
    this.preset = button("", () => choosePreset(name));
    this.preset.className = "preset";
    this.mute = this.toggle("Mute", `mute.${name}`);
    this.solo = this.toggle("Solo", `solo.${name}`);
    this.fader = fader(link, `gain_db.${name}`, `level of ${name}`, UNITY);
    this.meter = meter(`level of ${name}`);
    const head = make("div", "stem-head"), body = make("div", "stem-body");
    head.append(make("span", "swatch", String(at + 1)), this.title, this.preset, this.meter.clip, this.meter.decibels);
    body.append(this.mute, this.solo, this.fader.element);
    this.element.append(head, body, this.meter.element);
    this.colour();
  }

  toggle(text, target) {
    const element = button(text, () => this.link.set(target, element.getAttribute("aria-pressed") !== "true"));
    element.className = `toggle ${text.toLowerCase()}`;
    element.setAttribute("aria-label", `${text} ${this.name}`);
    element.replaceChildren(text[0], make("span", "", text.slice(1))); // Small screens show the letter alone.
    return element;
  }

  colour() { this.element.style.setProperty("--stem", stemColour(this.at, this.stems)); }

  rename(shown, preset) {
    this.title.textContent = shown.replaceAll("_", " ");
    this.preset.textContent = preset ? `${preset} ▾` : "";
    this.preset.hidden = !preset;
    this.preset.setAttribute("aria-label", `Preset of ${shown}: ${preset}`);
  }

  show(target, reading) {
    const name = target.split(".")[0];
    if (name === "gain_db") this.fader.show(reading);
    if (name === "mute" || name === "solo") this[name].setAttribute("aria-pressed", String(reading.value));
    if (name === "mute") this.element.classList.toggle("muted", reading.value);
  }
}

// Meters of inputs and outputs.
export class Ends {
  constructor(element) { this.element = element; this.meters = []; }

  show(inputs, outputs, levels) {
    if (this.meters.length !== inputs + outputs) this.build(inputs, outputs);
    this.meters.forEach((each, at) => each.show(levels[at]));
  }

  build(inputs, outputs) {
    const names = [...Array(inputs).keys()].map((n) => `In ${n + 1}`).concat([...Array(outputs).keys()].map((n) => `Out ${n + 1}`));
    this.meters = names.map((name) => meter(name));
    this.element.replaceChildren(...names.map((name, at) => {
      const row = make("div", "end");
      row.append(make("span", "name", name), this.meters[at].element, this.meters[at].clip, this.meters[at].decibels);
      return row;
    }));
  }
}

// The levels of a binary message.
export function levelsOf(data) {
  const [, inputs, outputs, stems] = new Uint8Array(data, 0, 4), numbers = new DataView(data, 4), found = [];
  for (let at = 0; at < inputs + outputs + stems; at += 1) {
    const [peak, hold, clipped] = [0, 1, 2].map((n) => numbers.getInt16(4 + 6 * at + 2 * n, true));
    found.push({ peak: peak / 100, hold: hold / 100, clipped: clipped === 1 });
  }
  return { inputs, outputs, ends: found.slice(0, inputs + outputs), stems: found.slice(inputs + outputs) };
}

export function notesOf(data) {
  const bytes = new Uint8Array(data, 1), found = [];
  for (let at = 0; at + 2 < bytes.length; at += 3) found.push({ stem: bytes[at], pitch: bytes[at + 1], held: bytes[at + 2] === 1 });
  return found;
}

// The list of presets in its dialog; `play(name)` is called with the chosen one.
export function fillPresets(list, families, query, playing, play) {
  list.replaceChildren();
  let family = "";
  for (const [kind, name] of families) {
    if (!`${kind} ${name}`.toLowerCase().includes(query.toLowerCase())) continue;
    if (kind !== family) list.append(make("h3", "", (family = kind)));
    const element = button(name, () => play(name));
    element.setAttribute("aria-pressed", String(name === playing));
    list.append(element);
  }
  if (!list.children.length) list.append(make("p", "small", "No preset is called so."));
}

export function fillMessages(list, messages) {
  list.replaceChildren(...[...messages].reverse().map(([, time, text]) => {
    const row = make("li", "");
    row.append(make("time", "", time), ` ${text}`);
    return row;
  }));
}
