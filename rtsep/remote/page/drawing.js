// What is drawn: meters, the keyboard, and notes over a spectrogram.

const DARK = ["#5ab4ff", "#ff9e3d", "#5fd38d", "#e58bff", "#ffd84a", "#ff7b7b", "#7de3e3", "#c9b28c"];
const LIGHT = ["#0b63b5", "#b35400", "#187a3f", "#8b2bb0", "#7a5f00", "#b3261e", "#0b7070", "#6b5a37"];
const REST = { dark: "#9aa4b2", light: "#56606e" }; // The residual, which is the last stem.
const FIRST_KEY = 21, LAST_KEY = 108, BLACK = new Set([1, 3, 6, 8, 10]);
const NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
const COLUMNS = 1024; // So many columns of the picture are kept.
const COLUMN_PX = 3; // The width of a column on the screen.

export const isLight = () => document.documentElement.dataset.theme === "light";
export const noteName = (pitch) => NAMES[pitch % 12] + (Math.floor(pitch / 12) - 1);

export function stemColour(stem, stems) {
  if (stem === stems - 1) return isLight() ? REST.light : REST.dark;
  const colours = isLight() ? LIGHT : DARK;
  return colours[stem % colours.length];
}

// A canvas of as many points as the screen has there; gives its context, scaled to CSS pixels, and its size.
function fitted(canvas) {
  const scale = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return { context, width, height };
}

export function drawKeyboard(canvas, notes, stems) {
  const { context, width, height } = fitted(canvas);
  const light = isLight(), whites = 52, wide = width / whites;
  const colours = new Map(notes.filter((note) => note.held).map((note) => [note.pitch, stemColour(note.stem, stems)]));
  context.fillStyle = light ? "#8a94a3" : "#10151c";
  context.fillRect(0, 0, width, height);
  let at = 0;
  const blacks = [];
  for (let pitch = FIRST_KEY; pitch <= LAST_KEY; pitch += 1) {
    if (BLACK.has(pitch % 12)) { blacks.push([pitch, at * wide]); continue; }
    context.fillStyle = colours.get(pitch) ?? (light ? "#ffffff" : "#d5dbe3");
    context.fillRect(at * wide + 0.5, 0, wide - 1, height);
    if (pitch % 12 === 0 && width > 600) {
      context.fillStyle = "#333c48";
      context.font = "10px system-ui, sans-serif";
      context.fillText(noteName(pitch), at * wide + 2, height - 4);
    }
    at += 1;
  }
  for (const [pitch, x] of blacks) {
    context.fillStyle = "#10151c";
    context.fillRect(x - wide * 0.32, 0, wide * 0.64, height * 0.62);
    if (!colours.has(pitch)) continue;
    context.fillStyle = colours.get(pitch);
    context.fillRect(x - wide * 0.32 + 1, 0, wide * 0.64 - 2, height * 0.62 - 1);
  }
}

// 256 colours from nothing to loud: RGBA.
function palette(light) {
  const stops = light ? [[255, 255, 255], [214, 226, 238], [140, 160, 190], [70, 80, 120], [20, 20, 50]]
    : [[9, 12, 18], [24, 34, 66], [70, 58, 120], [150, 100, 130], [250, 220, 170]];
  const table = new Uint8ClampedArray(256 * 4);
  for (let level = 0; level < 256; level += 1) {
    const place = (level / 255) ** 1.6 * (stops.length - 1), low = Math.min(Math.floor(place), stops.length - 2);
    for (let c = 0; c < 3; c += 1) table[4 * level + c] = stops[low][c] + (stops[low + 1][c] - stops[low][c]) * (place - low);
    table[4 * level + 3] = 255;
  }
  return table;
}

export class Picture {
  constructor(canvas) {
    this.canvas = canvas;
    this.reset([null], 1, 21, 0.04, 1);
  }

  // `only`: of each source the stem whose notes are drawn; null: those of all.
  reset(only, bands, lowest, period, stems) {
    Object.assign(this, { only, sources: only.length, bands, lowest, period: 1000 * period, stems, count: 0, runs: [], open: new Map() });
    this.kept = Array.from({ length: only.length }, () => {
      const canvas = document.createElement("canvas");
      canvas.width = COLUMNS;
      canvas.height = bands;
      return { canvas, bytes: new Uint8Array(COLUMNS * bands) };
    });
    this.column = new ImageData(1, bands);
    this.repaint();
  }

  // Draw all columns that are kept in the colours of the theme.
  repaint() {
    this.light = isLight();
    this.table = new Uint32Array(palette(this.light).buffer);
    for (const kept of this.kept) for (let at = 0; at < Math.min(this.count, COLUMNS); at += 1) this.paint(kept, at);
  }

  paint({ canvas, bytes }, at) {
    const pixels = new Uint32Array(this.column.data.buffer);
    for (let band = 0; band < this.bands; band += 1) pixels[this.bands - 1 - band] = this.table[bytes[at * this.bands + band]];
    canvas.getContext("2d").putImageData(this.column, at, 0);
  }

  // Columns [source][band] of bytes, and the notes that are open now.
  add(bytes, notes) {
    if (bytes[1] !== this.sources) return; // It was on its way when something else was chosen.
    this.kept.forEach((kept, source) => {
      kept.bytes.set(bytes.subarray(4 + source * this.bands, 4 + (source + 1) * this.bands), this.count % COLUMNS * this.bands);
      this.paint(kept, this.count % COLUMNS);
    });
    this.follow(notes);
    this.count += 1;
    this.arrived = performance.now();
  }

  follow(notes) {
    const now = new Map(notes.map((note) => [`${note.stem} ${note.pitch} ${note.held}`, note]));
    for (const [name, run] of this.open) if (!now.has(name)) { run.end = this.count; this.open.delete(name); }
    for (const [name, note] of now) {
      if (this.open.has(name)) continue;
      const run = { ...note, begin: this.count, end: Infinity };
      this.open.set(name, run);
      this.runs.push(run);
    }
    while (this.runs.length && this.runs[0].end < this.count - COLUMNS) this.runs.shift();
  }

  draw() {
    const { context, width, height } = fitted(this.canvas);
    if (this.light !== isLight()) this.repaint();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const late = still || !this.arrived ? 0 : Math.min((performance.now() - this.arrived) / this.period, 1);
    const shown = Math.min(Math.ceil(width / COLUMN_PX) + 2, COLUMNS), tall = height / this.sources;
    context.fillStyle = this.light ? "#ffffff" : "#090c12";
    context.fillRect(0, 0, width, height);
    context.imageSmoothingEnabled = false;
    const left = (column) => width - (this.count - column + late - 1) * COLUMN_PX;
    this.kept.forEach(({ canvas }, source) => {
      for (let at = Math.max(this.count - shown, 0); at < this.count;) {
        const from = at % COLUMNS, length = Math.min(COLUMNS - from, this.count - at);
        context.drawImage(canvas, from, 0, length, this.bands, left(at), source * tall, length * COLUMN_PX + 0.5, tall);
        at += length;
      }
      for (const run of this.runs) {
        if (this.only[source] === null || this.only[source] === run.stem) this.drawRun(context, run, left, source * tall, tall);
      }
    });
    context.fillStyle = this.light ? "#8a94a3" : "#3a4554";
    for (let source = 1; source < this.sources; source += 1) context.fillRect(0, source * tall - 1, width, 2);
  }

  drawRun(context, run, left, top, tall) {
    const end = Math.min(run.end, this.count), high = tall / this.bands, x = left(run.begin);
    if (left(end) < 0) return;
    const y = top + tall - (run.pitch - this.lowest + 1) * high, size = Math.max(high, 3);
    context.globalAlpha = run.held ? 0.95 : 0.35;
    context.fillStyle = stemColour(run.stem, this.stems);
    context.fillRect(x, y + (high - size) / 2, (end - run.begin) * COLUMN_PX, size);
    context.globalAlpha = 1;
  }
}
