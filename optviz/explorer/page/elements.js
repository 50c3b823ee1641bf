/* Elements with their names for those who do not see them. */

/** An element with attributes, listeners (`onclick`) and children. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** A select of [value, text] pairs, or of {label, options} groups of them. */
export function select(label, options, value, onchange) {
  const one = ([v, text]) => make("option", { value: v, selected: v === value }, text);
  const parts = options.map((o) =>
    Array.isArray(o) ? one(o) : make("optgroup", { label: o.label }, ...o.options.map(one)));
  const element = make("select", { "aria-label": label, onchange: () => onchange(element.value) }, ...parts);
  element.value = value;
  return element;
}

/** A line that says what was refused; where a link led to nothing, with a way out. */
export class Trouble {
  constructor(begunAnew) {
    this.text = make("span", {});
    this.anew = make("button", { type: "button", hidden: true, onclick: begunAnew }, "Begin anew");
    this.element = make("p", { class: "ov-error", role: "alert", hidden: true }, this.text, " ", this.anew);
  }

  say(message, isLost = false) {
    this.text.textContent = message;
    this.anew.hidden = !isLost;
    this.element.hidden = false;
  }

  clear() {
    this.element.hidden = true;
  }
}

/** Places on a slider, 0 to 1000, for the values of a setting: see `slider` in offered.py. */
export class Positions {
  constructor({ scale, low, high, zero = false }) {
    Object.assign(this, { scale, low, high, zero });
  }

  /** The same, wide enough for a value. */
  with(value) {
    if (this.scale === "share" || !Number.isFinite(value)) return this;
    const fits = this.scale !== "log" || value > 0;
    return !fits ? this : new Positions({
      ...this, low: Math.min(this.low, value), high: Math.max(this.high, value),
    });
  }

  at(value) {
    if (this.scale === "log" && !(value > 0)) return 0;
    const share = {
      log: () => Math.log(value / this.low) / Math.log(this.high / this.low),
      share: () => Math.log(1 - value) / Math.log(1 - this.high),
    }[this.scale] ?? (() => (value - this.low) / (this.high - this.low));
    return Math.round(1000 * Math.min(1, Math.max(0, share())));
  }

  value(position) {
    if (this.zero && position === 0) return 0;
    const share = position / 1000;
    switch (this.scale) {
      case "log": return three(this.low * (this.high / this.low) ** share);
      case "share": return Number((1 - Number(((1 - this.high) ** share).toPrecision(2))).toFixed(6));
      case "whole": return Math.round(this.low + share * (this.high - this.low));
      default: return three(this.low + share * (this.high - this.low));
    }
  }
}

function three(value) {
  return Number(value.toPrecision(3));
}

/** A slider and a field for one number; `changed` gets the number. */
export class Dial {
  constructor(label, name, positions, value, changed) {
    Object.assign(this, { name, positions, changed });
    this.slider = make("input", {
      type: "range", min: 0, max: 1000, step: 1, "aria-label": label,
      oninput: () => this.moved(Number(this.slider.value)),
    });
    this.field = make("input", {
      type: "text", inputmode: "decimal", size: 7, "aria-label": `${label}, as a number`,
      autocomplete: "off", onchange: () => this.typed(this.field.value),
    });
    this.element = make("div", { class: "ov-dial" }, make("span", { "aria-hidden": "true" }, name),
      this.slider, this.field);
    this.show(value);
  }

  moved(position) {
    const value = this.positions.value(position);
    this.shown(value);
    this.changed(value);
  }

  typed(text) {
    const value = Number(text.replace("−", "-").replace(",", "."));
    if (text.trim() === "" || !Number.isFinite(value)) {
      this.show(this.value);
      return;
    }
    // It stands there until there is another, refused or not.
    this.shown(value);
    this.changed(value);
  }

  /** The number that holds, wherever it came from. */
  show(value) {
    if (!Number.isFinite(value)) return;
    this.positions = this.positions.with(value);
    // Not under a hand that is moving it.
    if (this.slider.ownerDocument.activeElement !== this.slider || value !== this.value)
      this.slider.value = this.positions.at(value);
    this.shown(value);
  }

  shown(value) {
    this.value = value;
    this.field.value = String(value);
    this.slider.setAttribute("aria-valuetext", String(value));
  }
}
