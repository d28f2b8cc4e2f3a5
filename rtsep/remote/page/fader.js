// A fader: it moves by as much as the finger does, and never jumps to where it is touched.

const OWN_MS = 400; // For so long after the last touch what rtsep tells does not move the thumb.

export function fader(link, target, label, zero) {
  const element = document.createElement("div");
  element.className = "fader";
  element.tabIndex = 0;
  element.setAttribute("role", "slider");
  element.setAttribute("aria-label", label);
  element.setAttribute("aria-valuemin", "0");
  element.setAttribute("aria-valuemax", "100");
  element.innerHTML = '<div class="fill"></div><div class="thumb"></div><output></output>';
  if (zero !== undefined) {
    element.insertAdjacentHTML("afterbegin", '<div class="zero"></div>');
    element.querySelector(".zero").style.left = `${100 * zero}%`;
  }
  const text = element.querySelector("output");
  let position = 0, told = 0, begun = null, touched = -OWN_MS;

  function draw(at) {
    position = at;
    element.style.setProperty("--at", at);
    element.setAttribute("aria-valuenow", Math.round(100 * at));
  }

  function settle() {
    if (!begun && performance.now() - touched >= OWN_MS) draw(told);
  }

  function move(at) {
    touched = performance.now();
    setTimeout(settle, OWN_MS + 10);
    draw(Math.min(Math.max(at, 0), 1));
    link.move(target, position);
  }

  element.addEventListener("pointerdown", (event) => {
    if (link.guest || event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    begun = { x: event.clientX, at: position };
    element.classList.add("held");
  });
  element.addEventListener("pointermove", (event) => {
    if (begun) move(begun.at + (event.clientX - begun.x) / element.clientWidth);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    element.addEventListener(name, () => {
      begun = null;
      element.classList.remove("held");
      setTimeout(settle, OWN_MS + 10);
    });
  }
  element.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 };
    if (link.guest || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in steps) link.step(target, steps[event.key]);
    else if (event.key === "PageUp" || event.key === "PageDown") move(position + (event.key === "PageUp" ? 0.1 : -0.1));
    else if (event.key === "Home") move(0);
    else if (event.key === "End") move(1);
    else if (event.key === "0" && zero !== undefined) move(zero);
    else return;
    event.preventDefault();
  });

  return {
    element,
    show(reading) {
      text.textContent = reading.text;
      element.setAttribute("aria-valuetext", reading.text);
      told = reading.position;
      settle();
    },
  };
}
