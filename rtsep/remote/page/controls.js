// Any control of rtsep's table as something to touch: a fader, a switch, a choice or a button.

import { fader } from "./fader.js";

export function button(text, act, label) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = text;
  if (label) element.setAttribute("aria-label", label);
  element.addEventListener("click", act);
  return element;
}

export function readable(target) {
  const [name, ...of] = target.split(".");
  return name.replace(/_(db|ms|samples|cents|s)$/, "").replaceAll("_", " ") + (of.length ? ` of ${of.join(".")}` : "");
}

// Gives { element, show(reading) }.
export function widget(link, target, control) {
  const label = readable(target);
  if (control.kind === "press") return { element: button(label, () => link.press(target)), show() {} };
  if (control.kind === "switch") {
    const element = button(label, () => link.set(target, element.getAttribute("aria-pressed") !== "true"));
    element.className = "toggle";
    return { element, show: (reading) => element.setAttribute("aria-pressed", String(reading.value)) };
  }
  if (control.kind === "choice") {
    const element = document.createElement("select");
    element.setAttribute("aria-label", label);
    for (const choice of control.choices) element.add(new Option(String(choice), String(choice)));
    element.addEventListener("change", () => link.set(target, element.value));
    return { element, show: (reading) => { element.value = String(reading.value); } };
  }
  const row = document.createElement("div");
  row.className = "stepped";
  const own = fader(link, target, label);
  row.append(button("−", () => link.step(target, -1), `less ${label}`), own.element,
    button("+", () => link.step(target, 1), `more ${label}`));
  return { element: row, show: own.show };
}

// A widget below its name, with what it does.
export function setting(link, target, control) {
  const found = widget(link, target, control);
  const box = document.createElement("div");
  box.className = `setting ${control.kind}`;
  box.dataset.text = `${target} ${readable(target)} ${control.help}`.toLowerCase();
  if (control.kind === "number" || control.kind === "choice") box.insertAdjacentHTML("beforeend", "<h3></h3>");
  if (box.firstChild) box.firstChild.textContent = readable(target) + (control.kind === "choice" && control.unit ? `, ${control.unit}` : "");
  const help = document.createElement("p");
  help.className = "small";
  help.textContent = control.help;
  box.append(found.element, help);
  return { element: box, show: found.show };
}
