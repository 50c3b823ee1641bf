/* A card for each optimizer: which one, whose formula, a dial for each of its settings. */

import { Dial, Positions, make, select } from "./elements.js";
import { mark } from "./marks.js";
import { read, written } from "./text.js";

/** Settings that are shown at once; the others stand under "more". */
const FIRST = ["lr", "momentum", "beta", "beta1", "beta2", "decay"];

export class Card {
  /** `entry` is {name, settings}, which the card changes; `told` are `changed` and `removed`, without
   * which it stays. A rate that is left open is `tuned`, or the convention's own. */
  constructor(entry, offered, told, tunes = true) {
    Object.assign(this, { entry, offered, told, tunes, dials: {} });
    this.element = make("li", { class: "ov-card" });
    this.build();
  }

  get kind() {
    return this.offered.optimizers[this.entry.name.toLowerCase()];
  }

  get convention() {
    const own = this.entry.settings.convention;
    return this.kind && own in this.kind.conventions ? own : "book";
  }

  get title() {
    return this.kind ? this.kind.title : this.entry.name;
  }

  build() {
    this.swatch = make("canvas", { width: 44, height: 28, class: "ov-swatch", "aria-hidden": "true" });
    const names = Object.entries(this.offered.optimizers).map(([name, kind]) => [name, kind.title]);
    const known = this.kind ? names : [[this.entry.name, this.entry.name], ...names];
    const { removed } = this.told;
    const head = make("div", { class: "ov-card-head" }, removed ? this.swatch : null,
      select("Optimizer", known, this.kind ? this.entry.name.toLowerCase() : this.entry.name,
        (name) => this.become(name)),
      removed ? make("button", { type: "button", "aria-label": `Remove ${this.title}`, title: "Remove",
        onclick: () => removed(this) }, "×") : null);
    const parts = [head];
    if (this.kind) parts.push(...this.buildSettings());
    this.text = make("input", {
      type: "text", spellcheck: "false", autocomplete: "off", "aria-label": `${this.title} as text`,
      value: written(this.entry), onchange: () => this.retype(this.text.value),
    });
    const asText = make("details", {}, make("summary", {}, "as text"), this.text);
    if (!this.kind) asText.open = true;
    this.element.replaceChildren(...parts, asText);
    this.element.setAttribute("aria-label", this.title);
  }

  buildSettings() {
    const { kind, entry } = this, table = kind.conventions[this.convention];
    this.dials = {};
    const rows = { shown: [], more: [] };
    for (const [name, range] of Object.entries(table)) {
      const place = FIRST.includes(name) || name === kind.rate ? rows.shown : rows.more;
      if (range.scale === "flag") {
        const box = make("input", { type: "checkbox", onchange: () => this.set(name, String(box.checked)) });
        box.checked = (entry.settings[name] ?? String(range.default)) === "true";
        place.push(make("label", { class: "ov-check" }, box, ` ${name}`));
        continue;
      }
      const dial = new Dial(`${this.title}: ${name}`, name, new Positions(range),
        Number(entry.settings[name] ?? range.default), (value) => this.set(name, String(value)));
      const own = entry.settings[name];
      if (own !== undefined && Number.isNaN(Number(own))) {  // a schedule
        dial.slider.disabled = true;
        dial.field.value = own;
      }
      this.dials[name] = dial;
      place.push(dial.element);
    }
    const parts = [...rows.shown];
    if (this.tunes && kind.rate in table) parts.splice(1, 0, this.buildTuned());
    const conventions = Object.keys(kind.conventions);
    if (conventions.length > 1)
      rows.more.push(make("label", { class: "ov-row" }, "convention ",
        select(`${this.title}: whose formula`, conventions.map((c) => [c, c]), this.convention,
          (name) => this.follow(name))));
    if (rows.more.length)
      parts.push(make("details", {}, make("summary", {}, "more"), ...rows.more));
    return parts;
  }

  /** Whether the rate is left to be tuned, as where a command line gives none. */
  buildTuned() {
    const { rate } = this.kind;
    this.tuned = make("input", {
      type: "checkbox", onchange: () => {
        if (this.tuned.checked) this.set(rate, null);
        else this.set(rate, String(this.dials[rate].value));
      },
    });
    this.tuned.checked = !(rate in this.entry.settings);
    this.remark = make("span", { class: "ov-quiet" });
    return make("label", { class: "ov-check" }, this.tuned, " tuned ", this.remark);
  }

  set(name, text) {
    if (text === null) delete this.entry.settings[name];
    else this.entry.settings[name] = text;
    if (this.tuned) this.tuned.checked = !(this.kind.rate in this.entry.settings);
    this.text.value = written(this.entry);
    this.told.changed(this);
  }

  become(name) {
    // A start of its own stays, its settings do not: they are another rule's.
    const { start } = this.entry.settings;
    this.entry.name = name;
    this.entry.settings = start === undefined ? {} : { start };
    this.tuned = undefined;
    this.build();
    this.told.changed(this);
  }

  follow(convention) {
    const { settings } = this.entry, table = this.kind.conventions[convention];
    for (const name of Object.keys(this.kind.conventions[this.convention]))
      if (!(name in table)) delete settings[name];
    if (convention === "book") delete settings.convention;
    else settings.convention = convention;
    this.build();
    this.told.changed(this);
  }

  retype(text) {
    if (!read(text).name) {
      this.text.value = written(this.entry);
      return;
    }
    Object.assign(this.entry, read(text));
    this.tuned = undefined;
    this.build();
    this.told.changed(this);
  }

  /** What became of it: its colour and mark, and the settings that were left open. */
  sync(run) {
    this.dress(run);
    for (const [name, dial] of Object.entries(this.dials)) {
      const value = run.hyper[name], isNumber = typeof value === "number";
      dial.slider.disabled = !isNumber;
      if (isNumber) dial.show(value);
      else dial.field.value = value ?? "";
    }
    if (this.remark) this.remark.textContent = run.remark ? `(${run.remark})` : "";
  }

  /** Its colour and mark. */
  dress(run) {
    const pen = this.swatch.getContext("2d");
    pen.clearRect(0, 0, 44, 28);
    pen.strokeStyle = run.color;
    pen.lineWidth = 4;
    pen.beginPath();
    pen.moveTo(2, 14);
    pen.lineTo(42, 14);
    pen.stroke();
    mark(pen, 22, 14, run.marker, 8, run.color, null);
  }
}
