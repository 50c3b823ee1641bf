/* The network: it trains while one looks, beside another one if one likes. */

import { Answer, pictureOfColors } from "./answer.js";
import { Card } from "./cards.js";
import { Diagram, pictureOf } from "./diagram.js";
import { Dial, Positions, Trouble, make, select } from "./elements.js";
import { Learning } from "./learning.js";
import { read, told, written } from "./text.js";

/** Points along each side of a unit's map; see network.py. */
const UNIT_POINTS = 40;
const FEATURE_NAMES = { x: "x", y: "y", x2: "x²", y2: "y²", xy: "x·y", sinx: "sin πx", siny: "sin πy" };
/** Settings that a sweep may go over, with values to begin with. */
const SWEEPS = {
  lr: "0.0003,0.001,0.003,0.01,0.03,0.1,0.3", batch_size: "4,16,64,256", dropout: "0,0.1,0.2,0.4",
  l1: "0,0.0001,0.001,0.01", l2: "0,0.0001,0.001,0.01", activation: "tanh,relu,sigmoid",
  init: "zeros,xavier,he", hidden: "2;4;8;4,4;8,8", batch_norm: "false,true",
};
/** Colours and marks of the two sides. */
const BOTH = [["o", "A"], ["s", "B"]];

export class NetworkView {
  constructor(link, offered, given, look, share) {
    Object.assign(this, { link, offered, look, share, can: offered.network, isRunning: false, held: null });
    this.settings = { ...this.can.defaults, data: "circles:n=400,noise=0.1", ...given };
    delete this.settings.epochs;
    this.sides = [null, null];
    this.edited = 0;
    this.frames = [];
    this.build();
    this.reset();
  }

  // -- what stands where ---------------------------------------------------------------------

  build() {
    const canvas = (name, label) => make("canvas", { class: name, role: "img", "aria-label": label });
    this.diagramCanvas = canvas("ov-diagram", "The network: what each unit answers, and the weights");
    this.answerCanvases = BOTH.map(([, name]) => canvas("ov-answer", `What network ${name} answers`));
    this.lossCanvas = canvas("ov-small-chart", "Losses");
    this.histogramCanvas = canvas("ov-small-chart", "Histograms of what layers answer");
    this.gradientCanvas = canvas("ov-small-chart", "Gradients by layer");
    this.sweepCanvas = canvas("ov-small-chart", "What values of a setting come to");
    this.sweepCanvas.hidden = true;
    this.error = new Trouble(() => this.share.anew());
    this.told = BOTH.map(() => make("p", { class: "ov-finding" }));
    this.state = make("p", { class: "ov-small", role: "status" });
    this.stage = make("section", { class: "ov-stage", "aria-label": "Picture" },
      this.buildTransport(), this.error.element,
      make("div", { class: "ov-net" }, this.diagramCanvas,
        make("div", { class: "ov-answers" }, ...BOTH.map((_, k) =>
          make("div", {}, this.told[k], this.answerCanvases[k])))),
      this.state,
      make("div", { class: "ov-charts" }, this.lossCanvas, this.gradientCanvas, this.histogramCanvas, this.sweepCanvas));
    this.side = make("section", { class: "ov-side", "aria-label": "Settings" });
    this.element = make("div", { class: "ov-plane" }, this.side, this.stage);
    this.diagram = new Diagram(this.diagramCanvas, this.can);
    this.answers = this.answerCanvases.map((c) => new Answer(c));
    [this.losses, this.gradients, this.histograms, this.sweep] =
      [this.lossCanvas, this.gradientCanvas, this.histogramCanvas, this.sweepCanvas].map((c) => new Learning(c));
    this.buildSide();
    this.diagramCanvas.addEventListener("pointermove", (event) => {
      const box = this.diagramCanvas.getBoundingClientRect();
      const found = this.diagram.unitAt(event.clientX - box.left, event.clientY - box.top);
      if (found?.column === this.held?.column && found?.unit === this.held?.unit) return;
      this.held = found;
      this.paint();
    });
    this.diagramCanvas.addEventListener("pointerleave", () => {
      this.held = null;
      this.paint();
    });
    new ResizeObserver(() => this.paint()).observe(this.stage);
  }

  buildTransport() {
    this.run = make("button", { type: "button", class: "ov-play", onclick: () => this.setRunning(!this.isRunning) }, "Train");
    this.beside = make("button", { type: "button", onclick: () => this.keepBeside() }, "Keep beside, and change the other");
    this.alone = make("button", { type: "button", hidden: true, onclick: () => this.leaveAlone() }, "Only one again");
    this.which = select("Which of both is changed", BOTH.map(([, name], k) => [String(k), `change ${name}`]), "0",
      (value) => this.edit(Number(value)));
    this.which.hidden = true;
    return make("div", { class: "ov-transport", role: "group", "aria-label": "Training" }, this.run,
      make("button", { type: "button", onclick: () => this.stepOnce() }, "One epoch"),
      make("button", { type: "button", onclick: () => this.reset() }, "Begin anew, same seed"),
      make("button", { type: "button", onclick: () => this.reseed() }, "Another seed"),
      this.beside, this.alone, this.which);
  }

  buildSide() {
    const { settings, can } = this;
    const [name, noise] = this.dataOf(settings.data);
    const dataSelect = select("Data", [...new Set([...Object.keys(can.data), name])].map((n) => [n, n]), name,
      (value) => this.set({ data: this.dataText(value, can.data[value]?.noise ?? 0) }, true));
    const noiseDial = new Dial("Noise of the data", "noise", new Positions({ scale: "linear", low: 0, high: name === "blobs" ? 4 : 0.5 }),
      noise, (value) => this.set({ data: this.dataText(this.dataOf(this.settings.data)[0], value) }));
    const features = make("div", { class: "ov-features", role: "group", "aria-label": "Features" },
      ...can.features.map((f) => {
        const box = make("input", { type: "checkbox", onchange: () => this.chooseFeature(f, box.checked) });
        box.checked = settings.features.split(",").includes(f);
        return make("label", { class: "ov-check" }, box, ` ${FEATURE_NAMES[f] ?? f}`);
      }));
    const hidden = make("input", { type: "text", value: settings.hidden, autocomplete: "off",
      "aria-label": "Units of the hidden layers", onchange: () => this.set({ hidden: hidden.value.trim() }, true) });
    const layers = settings.hidden.split(",");
    const more = (change) => this.set({ hidden: change.join(",") }, true);
    const dial = (label, key, range) => new Dial(label, label.toLowerCase(), new Positions(range), settings[key],
      (value) => this.set({ [key]: value })).element;
    const norm = make("input", { type: "checkbox", onchange: () => this.set({ batch_norm: norm.checked }) });
    norm.checked = settings.batch_norm;
    this.entry = read(settings.optimizer);
    const cards = make("ul", { class: "ov-cards" }, new Card(this.entry, this.offeredRules(), {
      changed: () => this.set({ optimizer: written(this.entry) }),
    }, false).element);
    const set = (legend, ...parts) => make("fieldset", {}, make("legend", {}, legend), ...parts);
    this.side.replaceChildren(
      set("Data", make("label", { class: "ov-row" }, make("span", {}, "set"), dataSelect), noiseDial.element, features),
      set("Network", make("label", { class: "ov-row" }, make("span", {}, "hidden"), hidden),
        make("div", { class: "ov-row" },
          make("button", { type: "button", onclick: () => more([...layers, layers.at(-1)]) }, "+ layer"),
          make("button", { type: "button", disabled: layers.length < 2, onclick: () => more(layers.slice(0, -1)) }, "− layer")),
        make("label", { class: "ov-row" }, make("span", {}, "activation"),
          select("Activation", can.activations.map((a) => [a, a]), settings.activation, (v) => this.set({ activation: v }))),
        make("label", { class: "ov-row" }, make("span", {}, "init"),
          select("First weights", [...new Set([...can.inits, settings.init])].map((a) => [a, a]), settings.init, (v) => this.set({ init: v }))),
        make("label", { class: "ov-check" }, norm, " batch normalisation"),
        dial("Dropout", "dropout", { scale: "linear", low: 0, high: 0.9 }),
        dial("L1", "l1", { scale: "log", low: 1e-5, high: 0.1, zero: true }),
        dial("L2", "l2", { scale: "log", low: 1e-5, high: 0.1, zero: true })),
      set("Training", dial("Batch", "batch_size", { scale: "whole", low: 1, high: 128 }), cards),
      this.buildSweep());
  }

  /** Searches have no place in a network. */
  offeredRules() {
    const rules = Object.entries(this.offered.optimizers).filter(([, kind]) => !kind.walks);
    return { ...this.offered, optimizers: Object.fromEntries(rules) };
  }

  buildSweep() {
    const kept = (this.sweepFields ??= { setting: "lr", values: SWEEPS.lr, epochs: "60" });
    const field = (key, attributes) => {
      const input = make("input", { type: "text", value: kept[key], autocomplete: "off", ...attributes,
        onchange: () => { kept[key] = input.value; } });
      return input;
    };
    const values = field("values", { "aria-label": "Values of the setting" });
    const setting = select("Setting", Object.keys(SWEEPS).map((s) => [s, s]), kept.setting, (name) => {
      Object.assign(kept, { setting: name, values: SWEEPS[name] });
      values.value = kept.values;
    });
    const epochs = field("epochs", { inputmode: "numeric", size: 5, "aria-label": "Epochs of each" });
    this.sweeping = make("span", { class: "ov-busy", role: "status" });
    return make("fieldset", {}, make("legend", {}, "For which values does it learn?"),
      make("label", { class: "ov-row" }, make("span", {}, "setting"), setting),
      make("label", { class: "ov-row" }, make("span", {}, "values"), values),
      make("label", { class: "ov-row" }, make("span", {}, "epochs"), epochs),
      make("div", { class: "ov-row" },
        make("button", { type: "button", onclick: () => this.sweepNow(setting.value, values.value, epochs.value) }, "Try all"),
        this.sweeping));
  }

  dataOf(text) {
    const { name, settings } = read(text);
    return [name, Number(settings.noise ?? this.can.data[name]?.noise ?? 0)];
  }

  dataText(name, noise) {
    const { settings } = read(this.settings.data);
    const centers = name === "blobs" ? { centers: "2" } : {};
    return written({ name, settings: { n: settings.n ?? "400", ...centers, noise: String(noise) } });
  }

  // -- what is chosen ------------------------------------------------------------------------

  get code() {
    const epochs = Math.max(1, this.sides[this.edited]?.epochs ?? 1);
    return { ...this.settings, epochs, theme: this.look.name };
  }

  set(change, rebuilds = false) {
    Object.assign(this.settings, change);
    // What was swept was another network's.
    this.sweptResult = null;
    this.sweepCanvas.hidden = true;
    if (rebuilds) this.buildSide();
    this.reset();
  }

  chooseFeature(name, is) {
    const had = this.settings.features.split(",").filter((f) => f !== name);
    const chosen = this.can.features.filter((f) => (f === name ? is : had.includes(f)));
    if (chosen.length) this.set({ features: chosen.join(",") });
    else this.buildSide();
  }

  /** Other colours, the same networks. */
  async setLook(look) {
    this.look = look;
    for (const k of [0, 1]) if (this.sides[k]) await this.lookAgain(k);
    this.paint();
  }

  async lookAgain(place) {
    try {
      const { epochs } = this.sides[place];
      this.take(place, await this.link.ask("look", { place, have: epochs, theme: this.look.name }));
    } catch (error) {
      this.fail(error);
    }
  }

  edit(k) {
    this.edited = k;
    this.which.value = String(k);
    this.settings = { ...this.sides[k].settings };
    delete this.settings.epochs;
    this.buildSide();
    this.paint();
  }

  async keepBeside() {
    const kept = { ...this.settings };
    // Both begin anew, so that they can be compared.
    for (const place of [0, 1]) await this.begin(place, { ...kept });
    this.beside.hidden = true;
    this.alone.hidden = this.which.hidden = false;
    this.edit(1);
  }

  leaveAlone() {
    // The one that is being changed stays as it is.
    this.sides[1 - this.edited] = null;
    this.beside.hidden = false;
    this.alone.hidden = this.which.hidden = true;
    this.paint();
  }

  reseed() {
    this.settings.seed = (this.settings.seed ?? 0) + 1;
    this.reset();
  }

  changedSettings() {
    return this.settings;
  }

  /** Both begin anew: they train side by side. */
  async reset() {
    const own = { ...this.settings };
    await this.begin(this.edited, own);
    const other = 1 - this.edited;
    if (this.sides[other]) await this.begin(other, { ...this.sides[other].settings, seed: own.seed });
  }

  async begin(place, settings) {
    const turn = (this.turns ??= [0, 0])[place] += 1;
    try {
      const answer = await this.link.ask("network", { place, settings: { ...settings, theme: this.look.name } });
      if (turn !== this.turns[place]) return;
      this.error.clear();
      this.share.changed();
      this.run.disabled = false;
      this.sides[place] = { settings, ...answer.head, data: answer.arrays, curves: [] };
      this.take(place, answer);
    } catch (error) {
      this.fail(error);
      // What would train is not what stands in the fields.
      this.run.disabled = true;
    }
  }

  fail(error) {
    this.setRunning(false);
    this.error.say(error.message, !this.sides[this.edited]);
  }

  // -- training ------------------------------------------------------------------------------

  setRunning(on) {
    if (on === this.isRunning) return;
    this.isRunning = on;
    this.run.textContent = on ? "Pause" : "Train";
    if (on) this.loop();
  }

  /** Ask for a slice of training after the other; what comes is painted with the next frame. */
  async loop() {
    while (this.isRunning) {
      for (const place of [0, 1]) if (this.sides[place] && this.isRunning) await this.trainOnce(place);
      if (this.sides.every((side) => !side || side.diverged)) this.setRunning(false);
    }
  }

  async trainOnce(place, epochs) {
    const count = this.sides.filter(Boolean).length, before = this.sides[place];
    try {
      const answer = await this.link.ask("train", { place, of: count, have: before.epochs, ...(epochs ? { epochs } : {}) });
      // It may have begun anew meanwhile.
      if (this.sides[place]?.data === before.data) this.take(place, answer);
    } catch (error) {
      this.fail(error);
    }
  }

  async stepOnce() {
    this.setRunning(false);
    for (const place of [0, 1]) if (this.sides[place]) await this.trainOnce(place, 1);
  }

  take(place, { head, arrays }) {
    const side = Object.assign(this.sides[place], head, { arrays });
    // What has come before stays: each answer brings the epochs since.
    for (const value of arrays.curves) side.curves.push(value);
    this.frames.push(performance.now());
    if (this.frames.length > 120) this.frames.shift();
    this.paint();
  }

  async sweepNow(setting, text, told_) {
    const epochs = Number(told_);
    if (!Number.isInteger(epochs)) {
      this.sweeping.textContent = `epochs must be a whole number, not '${told_}'`;
      return;
    }
    const values = (text.includes(";") ? text.split(";") : text.split(",")).map((v) => v.trim()).filter(Boolean);
    this.sweeping.textContent = "training …";
    try {
      const { head, arrays } = await this.link.ask("swept", { settings: this.code, setting, values, epochs, seeds: 3 });
      this.sweptResult = { ...head, ...arrays };
      this.sweepCanvas.hidden = false;
      this.sweeping.textContent = "";
      this.paint();
    } catch (error) {
      this.sweeping.textContent = error.message === "superseded" ? "" : error.message;
    }
  }

  key(key) {
    if (key !== " ") return false;
    this.setRunning(!this.isRunning);
    return true;
  }

  // -- paint ---------------------------------------------------------------------------------

  paint() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.draw();
      this.element.dispatchEvent(new CustomEvent("painted", { bubbles: true }));
    });
  }

  draw() {
    const shown = this.sides[this.edited];
    if (!shown?.arrays || !this.element.isConnected) return;
    const { look } = this, dressed = { ...look, accent: look.dark ? "#4da3ff" : "#0072b2" };
    this.element.classList.toggle("ov-two", this.sides.every(Boolean));
    const hidden = shown.hidden.map((_, k) => shown.arrays[`units${k}`]);
    const maps = [Object.assign(shown.data.given, {}), ...hidden];
    const weights = hidden.map((_, k) => shown.arrays[`weights${k}`]);
    const names = ["features", ...shown.hidden.map((_, k) => `layer ${k + 1}`)];
    this.diagram.draw({ maps, weights, names, held: this.held, points: UNIT_POINTS }, dressed);
    const sides = [0, 1].filter((k) => this.sides[k]?.arrays).map((k) => this.describe(k, dressed));
    this.answerCanvases.forEach((c, k) => { c.parentElement.hidden = !this.sides[k]; });
    for (const side of sides) this.drawAnswer(side, dressed);
    this.losses.drawLosses(sides, dressed);
    this.gradients.drawGradients(sides, dressed);
    this.histograms.drawHistograms(shown.hidden.map((_, k) => shown.arrays[`histogram${k}`]), shown.ranges, dressed);
    if (this.sweptResult) this.sweep.drawSweep(this.sweptResult, dressed);
    this.tell(sides);
  }

  describe(k, look) {
    const side = this.sides[k];
    return {
      ...side, number: k, color: k ? look.optimizers.adam : look.accent, marker: BOTH[k][0],
    };
  }

  drawAnswer(side, look) {
    const { data, arrays, bounds, colors, number } = side;
    const isHeld = this.held && number === this.edited;
    const map = isHeld && [data.given, ...side.hidden.map((_, k) => arrays[`units${k}`])][this.held.column];
    const count = UNIT_POINTS * UNIT_POINTS;
    const picture = map
      ? pictureOf(map.subarray(this.held.unit * count, (this.held.unit + 1) * count), UNIT_POINTS, look)
      : pictureOfColors(arrays.answer);
    this.answers[number].draw({
      picture, bounds, colors, title: map ? "what this unit answers" : "feature 2",
      train: { points: data.train, labels: data["train.y"] }, test: { points: data.test, labels: data["test.y"] },
    }, look);
  }

  tell(sides) {
    for (const { number, epochs, accuracy, diverged } of sides) {
      const name = sides.length > 1 ? `${BOTH[number][1]}: ` : "";
      const right = accuracy ? `right for ${told(100 * accuracy[1])} % of the test` : "untrained";
      this.told[number].textContent = `${name}${diverged ? "diverged" : `epoch ${epochs}, ${right}`}`;
      this.answerCanvases[number].setAttribute("aria-label", `What network ${BOTH[number][1]} answers: ${this.told[number].textContent}`);
    }
    const shown = this.sides[this.edited];
    const parts = [`${told(shown.samples, 6)} samples for training, the rest, with strong rims, for the test`,
      `${told(shown.parameters, 6)} parameters`, `seed ${this.settings.seed ?? 0}`];
    if (shown.rate) parts.push(`${Number(shown.rate.toPrecision(2)).toLocaleString("en")} samples a second`);
    this.state.textContent = parts.join(" · ");
  }
}
