/* The loss of a network around the paths of optimizers. */

import { Card } from "./cards.js";
import { Trouble, make, select } from "./elements.js";
import { Terrain } from "./terrain.js";
import { read, told, written } from "./text.js";

export class LossView {
  constructor(link, offered, given, look, share) {
    Object.assign(this, { link, offered, look, share });
    this.settings = { ...offered.network.losses, ...given };
    this.entries = [this.settings.optimizers].flat().map(read);
    this.canvas = make("canvas", { class: "ov-terrain", role: "img", tabindex: 0, "aria-label": "The loss around paths" });
    this.terrain = new Terrain(this.canvas);
    this.terrain.changed = () => this.paint();
    this.finding = make("p", { class: "ov-finding", role: "status" });
    this.busy = make("p", { class: "ov-busy", role: "status" });
    this.error = new Trouble(() => this.share.anew());
    this.legend = make("ul", { class: "ov-legend" });
    this.stage = make("section", { class: "ov-stage", "aria-label": "Picture" }, this.terrain.buttons(), this.busy,
      this.error.element, this.canvas, this.finding, this.legend,
      make("p", { class: "ov-small" }, "Drag to turn, roll to come nearer. Paths lie at the loss of their places on the plane."));
    this.side = make("section", { class: "ov-side", "aria-label": "Settings" });
    this.element = make("div", { class: "ov-plane" }, this.side, this.stage);
    this.buildSide();
    new ResizeObserver(() => this.paint()).observe(this.stage);
    this.compute();
  }

  get code() {
    return { ...this.settings, optimizers: this.entries.map(written), view: "surface", theme: this.look.name };
  }

  buildSide() {
    const field = (label, key, list = null) => {
      const input = make("input", { type: "text", value: String(this.settings[key] ?? ""), autocomplete: "off", list,
        "aria-label": label, onchange: () => {
          // What is no number is refused by the process, in its words.
          const isNumber = typeof this.offered.network.losses[key] === "number" && Number.isFinite(Number(input.value || NaN));
          this.settings[key] = isNumber ? Number(input.value) : input.value.trim();
        } });
      return make("label", { class: "ov-row" }, make("span", {}, label.toLowerCase()), input);
    };
    const sets = make("datalist", { id: "ov-data" }, ...this.offered.network.sets.map((name) => make("option", { value: name })));
    const names = Object.entries(this.offered.optimizers).filter(([, kind]) => !kind.walks);
    const rules = { ...this.offered, optimizers: Object.fromEntries(names) };
    const cards = this.entries.map((entry) => new Card(entry, rules, {
      changed: () => {},
      removed: (card) => {
        if (this.entries.length > 1) this.entries.splice(this.cards.indexOf(card), 1);
        this.buildSide();
      },
    }, false));
    this.cards = cards;
    const add = select("Add an optimizer", [["", "add an optimizer …"], ...names.map(([n, k]) => [n, k.title])], "", (name) => {
      if (!name) return;
      this.entries.push({ name, settings: {} });
      this.buildSide();
    });
    this.side.replaceChildren(
      make("fieldset", {}, make("legend", {}, "Network and data"), field("Data", "data", "ov-data"), sets, field("Layers", "layers"),
        field("Epochs", "epochs"), field("Batch", "batch_size"),
        make("label", { class: "ov-row" }, make("span", {}, "plane"),
          select("Plane", [["pca", "of the paths"], ["random", "random"], ["line", "from end to end"]], this.settings.directions,
            (value) => { this.settings.directions = value; }))),
      make("fieldset", {}, make("legend", {}, "Optimizers"),
        make("ul", { class: "ov-cards" }, ...cards.map((card) => card.element)), add),
      make("button", { type: "button", onclick: () => this.compute() }, "Train and compute"));
  }

  async compute() {
    const turn = this.turn = (this.turn ?? 0) + 1;
    this.busy.textContent = "training and computing …";
    this.error.clear();
    try {
      const { head, arrays } = await this.link.ask("landscape", { settings: this.code });
      this.head = head;
      const runs = head.runs.map((run, k) => ({ ...run, points: arrays[`path${k}`] }));
      this.terrain.set({ ...head, heights: arrays.heights, runs });
      this.finding.textContent = head.finding;
      this.tell(runs);
      this.cards.forEach((card, k) => runs[k] && card.dress(runs[k]));
      this.share.changed();
      this.paint();
    } catch (error) {
      if (error.message !== "superseded") this.error.say(error.message, !this.head);
    }
    // Another may have begun meanwhile.
    if (turn === this.turn) this.busy.textContent = "";
  }

  tell(runs) {
    this.legend.replaceChildren(...runs.map((run) => {
      const swatch = make("span", { class: "ov-dot", "aria-hidden": "true" });
      swatch.style.background = run.color;
      return make("li", {}, swatch, ` ${run.name}: ends ${told(run.residual)} off the plane${run.lost ? ", lost" : ""}`);
    }));
    this.canvas.setAttribute("aria-label", `The loss around paths. ${this.finding.textContent}`);
  }

  changedSettings() {
    const usual = this.offered.network.losses, own = { ...this.settings, optimizers: this.entries.map(written) };
    return Object.fromEntries(Object.entries(own).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(usual[key])));
  }

  /** Other colours, the same landscape: shades of one hue come with the next training. */
  setLook(look) {
    this.look = look;
    if (!this.terrain.data) return;
    const runs = this.terrain.data.runs.map((run) => ({ ...run, color: look.optimizers[run.optimizer] ?? run.color }));
    this.terrain.set({ ...this.terrain.data, colors: look.surface, star: look.star, runs });
    this.tell(runs);
    this.cards.forEach((card, k) => runs[k] && card.dress(runs[k]));
    this.paint();
  }

  key() {
    return false;
  }

  paint() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.terrain.draw({}, this.look);
      this.element.dispatchEvent(new CustomEvent("painted", { bubbles: true }));
    });
  }
}
