/* The plane: the map, the curve beside it, and all that changes them. */

import { Card } from "./cards.js";
import { Curve } from "./curve.js";
import { Dial, Positions, Trouble, make, select } from "./elements.js";
import { Map2D } from "./map.js";
import { Terrain } from "./terrain.js";
import { changedOf, settingsOf, stateOf } from "./settings.js";
import { told, toldPoint } from "./text.js";
import { Newest } from "./wire.js";

/** Milliseconds without a change after which what takes long begins, and of an answer the address is written. */
const CALM = 300;
/** Seconds that a run plays, within these. */
const SHORTEST = 4, LONGEST = 12;
const SCAN = "scan";
const GROUNDS = [["contour", "isolines"], ["field", "arrows along −∇f"],
  ["basins", "basins: where each start goes"], ["surface", "a surface, to be turned"]];

export class Plane {
  constructor(link, offered, initial, look, share) {
    Object.assign(this, { link, offered, look, share, cards: [], held: null, pinned: 0 });
    const { ground, beside, ...settings } = initial;
    this.state = stateOf(settings);
    this.at = { step: 0, last: 0, isPlaying: false };
    this.isAtEnd = true;
    this.ground = this.state.view === "field" ? "field" : "contour";
    this.beside = beside === SCAN ? SCAN : this.state.curve;
    this.build();
    this.shown = new Newest((body) => link.ask("show", body), (a) => this.take(a), (e) => this.refuse(e));
    this.told = new Newest((body) => link.ask("step", body), (a) => this.explain(a.head),
      (e) => this.noExplanation(e));
    this.basins = new Newest((body) => link.ask("basins", body), (a) => this.takeBasins(a),
      (e) => this.behindFailed(e));
    this.lifted = new Newest((body) => link.ask("surface", body), (a) => this.takeSurface(a), (e) => this.refuse(e));
    this.scan = new Newest((body) => link.ask("sensitivity", body), (a) => this.takeScan(a),
      (e) => this.behindFailed(e));
    this.rebuildCards();
    this.changed();
    if (GROUNDS.some(([name]) => name === ground)) {
      this.groundSelect.value = ground;
      this.chooseGround(ground);
    }
  }

  // -- what stands where ---------------------------------------------------------------------

  build() {
    this.mapCanvas = make("canvas", { class: "ov-map", role: "img", "aria-label": "Paths on the function" });
    this.terrainCanvas = make("canvas", { class: "ov-map ov-terrain", role: "img", hidden: true, "aria-label": "The function as a surface" });
    this.curveCanvas = make("canvas", { class: "ov-curve", role: "img", "aria-label": "The curve beside" });
    this.tip = make("div", { class: "ov-tip", hidden: true });
    this.finding = make("p", { class: "ov-finding", role: "status" });
    this.ofBasins = make("div", { class: "ov-small", hidden: true });
    this.ofScan = make("p", { class: "ov-small", hidden: true });
    this.choices = make("p", { class: "ov-small" });
    this.error = new Trouble(() => this.share.anew());
    this.title = make("h2", { class: "ov-title" });
    this.formula = make("p", { class: "ov-formula" });
    this.panel = make("section", { class: "ov-step", "aria-label": "What the rule did in a step" });
    this.stage = make("section", { class: "ov-stage", "aria-label": "Picture" },
      this.title, this.formula, this.buildViews(),
      make("div", { class: "ov-pair" }, this.mapCanvas, this.terrainCanvas, this.curveCanvas, this.tip),
      this.buildTransport(), this.error.element, this.finding, this.ofBasins, this.ofScan, this.choices,
      this.panel);
    this.side = make("section", { class: "ov-side", "aria-label": "Settings" },
      this.buildFunction(), this.buildRun(), this.buildOptimizers());
    this.element = make("div", { class: "ov-plane" }, this.side, this.stage);
    this.map = new Map2D(this.mapCanvas);
    this.curve = new Curve(this.curveCanvas);
    this.terrain = new Terrain(this.terrainCanvas);
    this.terrain.changed = () => this.paint();
    this.turning = this.terrain.buttons();
    this.turning.hidden = true;
    this.stage.insertBefore(this.turning, this.mapCanvas.parentElement);
    this.listen();
    new ResizeObserver(() => this.resized()).observe(this.stage);
  }

  buildViews() {
    this.groundSelect = select("Ground", GROUNDS, this.ground, (value) => this.chooseGround(value));
    this.basinsOf = make("select", { "aria-label": "Basins of", hidden: true, onchange: () => this.behind() });
    const curves = Object.entries(this.offered.curves).filter(([name]) => name !== "none")
      .map(([name, { axis, title }]) => [name, `${axis}: ${title}`]);
    this.besideSelect = select("Beside the map", [...curves, [SCAN, "what other rates would have done"]],
      this.beside, (value) => this.chooseBeside(value));
    this.busy = make("span", { class: "ov-busy", hidden: true }, "computing …");
    return make("div", { class: "ov-views" }, make("label", {}, "ground ", this.groundSelect), this.basinsOf,
      make("label", {}, "beside ", this.besideSelect), this.busy);
  }

  buildTransport() {
    this.play = make("button", { type: "button", class: "ov-play", onclick: () => this.setPlaying(!this.at.isPlaying) }, "Play");
    this.scrub = make("input", { type: "range", min: 0, max: 1, step: 1, value: 0, "aria-label": "Step",
      oninput: () => this.go(Number(this.scrub.value)) });
    this.count = make("output", {}, "");
    this.speed = select("Speed", [["0.25", "¼ ×"], ["0.5", "½ ×"], ["1", "1 ×"], ["2", "2 ×"], ["4", "4 ×"]],
      "1", () => {});
    return make("div", { class: "ov-transport", role: "group", "aria-label": "Play" }, this.play,
      make("button", { type: "button", "aria-label": "One step back", onclick: () => this.go(this.at.step - 1) }, "◂"),
      make("button", { type: "button", "aria-label": "One step forward", onclick: () => this.go(this.at.step + 1) }, "▸"),
      this.scrub, this.count, this.speed);
  }

  buildFunction() {
    const names = Object.entries(this.offered.functions).map(([name, f]) => [name, f.title || name]);
    this.named = select("Function", [["", "your own formula"], ...names], "", (name) => {
      if (name) this.chooseFunction(name);
      else this.own.focus();
    });
    this.own = make("input", { type: "text", spellcheck: "false", autocomplete: "off", maxlength: 1000,
      "aria-label": "Formula in x and y", onchange: () => this.chooseFunction(this.own.value.trim()) });
    this.boundsField = make("input", { type: "text", autocomplete: "off", spellcheck: "false",
      "aria-label": "Bounds: x from, x to, y from, y to", onchange: () => {
        this.state.bounds = this.boundsField.value.trim() || null;
        this.changed();
      } });
    this.startFields = [0, 1].map((axis) => make("input", { type: "text", inputmode: "decimal", size: 6,
      autocomplete: "off", "aria-label": `Start: ${"xy"[axis]}`, onchange: () => this.typeStart() }));
    return make("fieldset", {}, make("legend", {}, "Function"),
      make("label", { class: "ov-row" }, make("span", {}, "f"), this.named),
      make("label", { class: "ov-row" }, make("span", {}, "formula"), this.own),
      make("label", { class: "ov-row" }, make("span", {}, "bounds"), this.boundsField),
      make("div", { class: "ov-row" }, make("span", {}, "start"), ...this.startFields,
        make("button", { type: "button", title: "The function's own start",
          onclick: () => { this.state.start = null; this.changed(); } }, "reset")),
      this.hint = make("p", { class: "ov-small" }, "Click or drag on the map to move the start."));
  }

  buildRun() {
    this.stepsDial = new Dial("Steps", "steps", new Positions({ scale: "log", low: 10, high: 10000 }),
      this.state.steps, (value) => {
        this.state.steps = Math.max(1, Math.round(value));
        this.changed();
      });
    this.noiseDial = new Dial("Noise on the gradient", "noise", new Positions({ scale: "linear", low: 0, high: 5 }),
      this.state.noise, (value) => {
        this.state.noise = Math.max(0, value);
        this.changed();
      });
    this.seedField = make("input", { type: "text", inputmode: "numeric", size: 6, value: this.state.seed,
      autocomplete: "off", "aria-label": "Seed of the noise", onchange: () => {
        const seed = Number(this.seedField.value);
        if (Number.isSafeInteger(seed) && seed >= 0) this.state.seed = seed;
        this.seedField.value = this.state.seed;
        this.changed();
      } });
    this.seedRow = make("div", { class: "ov-row" }, make("span", {}, "seed"), this.seedField,
      make("button", { type: "button", onclick: () => {
        this.state.seed += 1;
        this.seedField.value = this.state.seed;
        this.changed();
      } }, "another"));
    return make("fieldset", {}, make("legend", {}, "Run"), this.stepsDial.element, this.noiseDial.element,
      this.seedRow);
  }

  buildOptimizers() {
    this.list = make("ul", { class: "ov-cards" });
    const names = Object.entries(this.offered.optimizers).map(([name, kind]) => [name, kind.title]);
    this.add = select("Add an optimizer", [["", "add an optimizer …"], ...names], "", (name) => {
      this.add.value = "";
      if (!name) return;
      this.state.optimizers.push({ name, settings: {} });
      this.rebuildCards();
      this.changed();
    });
    return make("fieldset", {}, make("legend", {}, "Optimizers"), this.list, this.add);
  }

  rebuildCards() {
    this.cards = this.state.optimizers.map((entry) => new Card(entry, this.offered, {
      changed: () => this.changed(),
      removed: (card) => {
        this.state.optimizers.splice(this.cards.indexOf(card), 1);
        this.rebuildCards();
        this.changed();
        this.add.focus();
      },
    }));
    this.list.replaceChildren(...this.cards.map((card) => card.element));
    const was = this.basinsOf.value;
    this.basinsOf.replaceChildren(...this.cards.map((card, k) => make("option", { value: k }, card.title)));
    this.basinsOf.value = Number(was) < this.cards.length && was !== "" ? was : "0";
  }

  /** What a command line makes again. */
  get code() {
    return this.ground === "surface" ? { ...this.settings, view: "surface" } : this.settings;
  }

  // -- what is chosen ------------------------------------------------------------------------

  get settings() {
    return settingsOf(this.state, this.look.name);
  }

  /** Something is another: a new picture, and what takes long once it is calm. */
  changed() {
    this.shown.want({ settings: this.settings });
    this.held = null;
    clearTimeout(this.calm);
    this.calm = setTimeout(() => {
      this.behind();
    }, CALM);
  }

  behind() {
    const settings = this.settings;
    if (this.ground === "basins" && this.cards.length) {
      this.busy.hidden = false;
      this.basins.want({ settings, run: Number(this.basinsOf.value) });
    }
    if (this.beside === SCAN && this.cards.length) {
      this.busy.hidden = false;
      this.scan.want({ settings });
    }
  }

  chooseFunction(text) {
    if (!text) return;
    Object.assign(this.state, { on: text, bounds: null, start: null });
    this.changed();
  }

  chooseGround(value) {
    this.ground = value;
    this.basinsOf.hidden = value !== "basins";
    const isSurface = value === "surface";
    this.mapCanvas.hidden = this.hint.hidden = isSurface;
    this.terrainCanvas.hidden = this.turning.hidden = !isSurface;
    if (isSurface) this.lifted.want({ settings: this.settings });
    else this.resized();
    const view = value === "field" ? "field" : "contour";
    if (value !== "basins") {
      this.map.basins = null;
      this.map.bitmap = null;
      this.ofBasins.hidden = true;
    }
    if (view !== this.state.view) {
      this.state.view = view;
      this.changed();
    } else {
      this.behind();
      this.paint();
      this.share.changed();
    }
  }

  chooseBeside(value) {
    this.beside = value;
    if (value === SCAN) {
      this.behind();
      this.share.changed();
      return;
    }
    this.curve.scan = null;
    this.ofScan.hidden = true;
    this.state.curve = value;
    this.changed();
  }

  /** What a link holds: what differs from the defaults, and what only a page has. */
  changedSettings() {
    const own = changedOf(this.state);
    if (this.ground === "basins" || this.ground === "surface") own.ground = this.ground;
    if (this.beside === SCAN) own.beside = SCAN;
    return own;
  }

  typeStart() {
    const point = this.startFields.map(({ value }) =>
      (value.trim() ? Number(value.replace("−", "-").replace(",", ".")) : NaN));
    if (point.every(Number.isFinite)) this.moveStart(point, 0);
    else {
      const start = this.state.start?.[0] ?? this.head?.runs[0]?.start;
      if (start) this.startFields.forEach((field, k) => { field.value = String(start[k]); });
    }
  }

  moveStart(point, k) {
    const starts = this.state.start ?? [null];
    starts[Math.min(k, starts.length - 1)] = point;
    this.state.start = starts;
    this.changed();
  }

  setLook(look) {
    this.look = look;
    this.map.bitmap = null;
    this.changed();
  }

  // -- what comes back -----------------------------------------------------------------------

  take({ head, arrays }) {
    this.error.clear();
    this.stage.classList.remove("ov-stale");
    // What was refused is in no address; browsers allow so many a minute.
    clearTimeout(this.addressing);
    this.addressing = setTimeout(() => this.share.changed(), CALM);
    this.head = head;
    if (head.settings.optimizers.length !== this.state.optimizers.length) {
      // One text with several values has become several.
      this.state.optimizers = stateOf(head.settings).optimizers;
      this.rebuildCards();
    }
    if (head.ground) this.takeGround(head.ground, arrays);
    const runs = head.runs.map((run, k) => ({
      ...run, number: k, points: arrays[`path${k}`], count: arrays[`path${k}`].shape[0], thin: arrays[`runs${k}`],
      curves: [0, 1].map((j) => arrays[`curve${k}.${j}`]).filter(Boolean),
    }));
    this.map.runs = this.curve.runs = this.runs = runs;
    this.curve.name = this.offered.curves[head.curve].axis;
    if (head.curve === "gap" && this.map.ground.minimum === null) this.curve.name = "f";
    this.owners().forEach((k, card) => runs[k] && this.cards[card].sync(runs[k]));
    this.tell(head);
    if (this.ground === "surface") this.lifted.want({ settings: this.settings });
    const last = head.steps, step = this.isAtEnd ? last : Math.min(this.at.step, last);
    Object.assign(this.at, { last, step });
    if (this.pinned >= runs.length) this.pinned = 0;
    this.paint();
    this.explainSoon();
  }

  takeSurface({ head, arrays }) {
    const runs = head.runs.map((run, k) => ({ ...run, points: arrays[`path${k}`] }));
    this.terrain.set({ ...head, heights: arrays.heights, minima: arrays.minima, runs });
    this.paint();
  }

  /** For each card the number of its first run. */
  owners() {
    const starts = Math.max(1, (this.state.start ?? []).length);
    let next = 0;
    return this.state.optimizers.map((entry) => {
      const first = next;
      next += "start" in entry.settings ? 1 : starts;
      return first;
    });
  }

  takeGround(told_, arrays) {
    this.map.setGround(told_, arrays);
    const [[x0, x1], [y0, y1]] = told_.bounds;
    const known = told_.function in this.offered.functions;
    this.named.value = known ? told_.function : "";
    this.own.value = known ? told_.formula : told_.function;
    this.boundsField.value = [x0, x1, y0, y1].map(String).join(",");
    this.resized();
    if (this.ground === "basins") this.behind();
  }

  tell(head) {
    const { title, finding, choices } = head;
    this.title.textContent = title;
    this.formula.textContent = `f(x, y) = ${this.map.ground.readable}`;
    this.finding.textContent = finding;
    this.choices.textContent = [...choices, ...this.gone()].join(" · ");
    const start = head.runs.length ? head.runs[0].start : this.state.start?.[0];
    if (start) this.startFields.forEach((field, k) => { field.value = String(start[k]); });
    this.stepsDial.show(this.state.steps);
    this.noiseDial.show(this.state.noise);
    this.seedRow.hidden = !this.state.noise;
    this.mapCanvas.setAttribute("aria-label", `Map: ${title}. ${finding}`);
    const ends = this.runs.map((run) => `${run.name} ${told(this.curve.valueAt(run, 0, 1e9))}`);
    this.curveCanvas.setAttribute("aria-label", `Curves of ${this.curve.name}; at the end ${ends.join(", ")}`);
  }

  gone() {
    return this.runs.filter((run) => run.left !== null)
      .map((run) => `${run.name} left the picture at step ${run.left}`);
  }

  refuse(error) {
    this.error.say(error.message, !this.head);
    this.stage.classList.add("ov-stale");
    if (!this.head) {
      this.named.value = this.state.on in this.offered.functions ? this.state.on : "";
      this.own.value = this.named.value ? this.offered.functions[this.state.on].formula : this.state.on;
      this.boundsField.value = this.state.bounds ?? "";
    }
    if (error.again) this.link.ask("offer").then(() => {}, () => {});
  }

  takeBasins({ head, arrays }) {
    this.busy.hidden = true;
    if (this.ground !== "basins") return;
    this.map.basins = { ...head, image: arrays.image };
    this.map.bitmap = null;
    this.legend(head);
    this.paint();
  }

  legend({ kinds, finding }) {
    const items = kinds.map(({ name, color, share }) => {
      const swatch = make("span", { class: "ov-dot", "aria-hidden": "true" });
      swatch.style.background = color;
      return make("li", {}, swatch, ` ${name} ${told(100 * share)} %`);
    });
    this.ofBasins.replaceChildren(make("p", {}, `${finding}. Deeper shades took more steps.`),
      make("ul", { class: "ov-legend" }, ...items));
    this.ofBasins.hidden = false;
  }

  takeScan({ head, arrays }) {
    this.busy.hidden = true;
    if (this.beside !== SCAN) return;
    const owners = this.owners();
    for (const run of head.runs) {
      const card = this.state.optimizers.findIndex((_, k) => head.texts?.[k] === run.text);
      run.card = card < 0 ? head.runs.indexOf(run) : card;
      const shown = this.runs[owners[run.card]];
      const kind = shown && this.offered.optimizers[shown.optimizer];
      run.now = kind ? shown.hyper[kind.rate] : NaN;
    }
    this.curve.scan = { ...head, arrays };
    this.ofScan.textContent = `${head.finding}. Click on a curve to take its rate.`;
    this.ofScan.hidden = false;
    this.paint();
  }

  behindFailed(error) {
    if (error.message === "superseded") return;
    this.busy.hidden = true;
    this.error.say(error.message);
  }

  // -- what the rule did ---------------------------------------------------------------------

  explainSoon() {
    const run = this.held ? this.held.run : this.runs?.[this.pinned];
    if (!run) {
      this.panel.replaceChildren();
      return;
    }
    const step = this.held ? this.held.step : Math.min(this.at.step, run.recorded - 1);
    if (step < 1 || step > run.recorded - 1) return;
    this.told.want({ run: run.number, step });
  }

  explain(head) {
    const run = this.runs[head.run];
    if (!run) return;
    const rows = [["gradient", head.gradient], ["carried over", head.carried], ["from this gradient", head.fresh],
      ["rate of each coordinate", head.rates], ...Object.entries(head.slots)];
    const swatch = make("span", { class: "ov-dot", "aria-hidden": "true" });
    swatch.style.background = run.color;
    this.panel.replaceChildren(
      make("h3", {}, swatch, ` ${run.name}, step ${head.step}`),
      make("p", {}, `${toldPoint(head.from)} → ${toldPoint(head.to)}, f ${told(head.before)} → ${told(head.value)}`),
      make("p", {}, head.sentence),
      make("table", {},
        make("thead", {}, make("tr", {}, make("td", {}), make("th", { scope: "col" }, "x"), make("th", { scope: "col" }, "y"))),
        make("tbody", {}, ...rows.map(([name, pair]) =>
          make("tr", {}, make("th", { scope: "row" }, name), ...pair.map((v) => make("td", {}, told(v))))))),
      make("p", { class: "ov-small" }, this.offered.optimizers[run.optimizer]?.equation ?? ""),
    );
  }

  noExplanation(error) {
    this.panel.replaceChildren(make("p", { class: "ov-small" }, error.message));
  }

  // -- hands ---------------------------------------------------------------------------------

  listen() {
    const map = this.mapCanvas, where = (event, canvas) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    map.addEventListener("pointerdown", (event) => {
      const [px, py] = where(event, map);
      if (!this.map.isOver(px, py) || event.button !== 0) return;
      this.dragged = this.startNear(px, py, 1e9);
      map.setPointerCapture(event.pointerId);
      this.moveStart(this.map.placeAt(px, py), this.dragged);
      event.preventDefault();
    });
    map.addEventListener("pointermove", (event) => {
      const [px, py] = where(event, map);
      if (this.dragged !== undefined) this.moveStart(this.map.placeAt(px, py), this.dragged);
      else if (this.map.box) this.hold(this.map.nearest(px, py, this.at), event);
    });
    const drop = () => { this.dragged = undefined; };
    map.addEventListener("pointerup", drop);
    map.addEventListener("pointercancel", drop);
    map.addEventListener("pointerleave", () => this.hold(null));
    // A finger on a start moves it; anywhere else it scrolls the page.
    map.addEventListener("touchstart", (event) => {
      const [px, py] = where(event.touches[0], map);
      if (this.startNear(px, py, 26) !== undefined) event.preventDefault();
    }, { passive: false });
    this.curveCanvas.addEventListener("pointermove", (event) => {
      const [px, py] = where(event, this.curveCanvas);
      if (this.curve.box) this.hold(this.curve.nearest(px, py, this.at), event);
    });
    this.curveCanvas.addEventListener("pointerleave", () => this.hold(null));
    this.curveCanvas.addEventListener("click", (event) => this.clickCurve(...where(event, this.curveCanvas)));
  }

  /** The number of the start near a pixel; undefined if none is within `reach`. */
  startNear(px, py, reach) {
    const starts = this.state.start ?? (this.runs?.length ? [this.runs[0].start] : [[0, 0]]);
    let best;
    starts.forEach(([x, y], k) => {
      const d = Math.hypot(this.map.x.at(x) - px, this.map.y.at(y) - py);
      if (d < reach) [best, reach] = [k, d];
    });
    return best ?? (reach === 1e9 ? 0 : undefined);
  }

  clickCurve(px, py) {
    if (this.curve.scan) {
      const { top } = this.curve.box, k = this.nearestScan(px, py);
      const card = this.cards[this.curve.scan.runs[k]?.card];
      if (card?.kind && py > top) card.set(card.kind.rate, String(this.curve.rateAt(px)));
      return;
    }
    const found = this.curve.nearest(px, py, this.at);
    if (found) {
      this.pinned = found.run.number;
      this.go(found.step);
    }
  }

  nearestScan(px, py) {
    const { arrays, runs } = this.curve.scan, count = arrays.rates.length;
    const j = Math.round((count - 1) * (px - this.curve.box.left) / this.curve.box.width);
    const gap = (k) => Math.abs(this.curve.yAt(arrays.gaps[(3 * k + 1) * count + Math.min(count - 1, Math.max(0, j))] ?? Infinity) - py);
    return runs.map((_, k) => k).reduce((best, k) => (gap(k) < gap(best) ? k : best), 0);
  }

  hold(found, event) {
    const changed = found?.run !== this.held?.run || found?.step !== this.held?.step;
    this.held = found;
    this.tip.hidden = !found;
    if (found) this.showTip(found, event);
    if (!changed) return;
    if (found) this.pinned = found.run.number;
    this.explainSoon();
    this.paint();
  }

  showTip({ run, step }, event) {
    const x = run.points[2 * step], y = run.points[2 * step + 1];
    const value = this.curve.scan ? NaN : this.curve.valueAt(run, 0, step);
    this.tip.textContent = `${run.name}, step ${step}\n(${told(x, 5)}, ${told(y, 5)})` +
      (Number.isNaN(value) ? "" : `\n${this.curve.name} = ${told(value, 4)}`);
    const box = this.tip.parentElement.getBoundingClientRect();
    const left = Math.min(event.clientX - box.left + 14, box.width - this.tip.offsetWidth - 4);
    this.tip.style.left = `${Math.max(4, left)}px`;
    this.tip.style.top = `${Math.max(4, event.clientY - box.top - this.tip.offsetHeight - 10)}px`;
  }

  // -- time ----------------------------------------------------------------------------------

  go(step) {
    this.setPlaying(false);
    this.move(step);
  }

  move(step) {
    this.at.step = Math.max(0, Math.min(this.at.last, Math.round(step)));
    this.isAtEnd = this.at.step === this.at.last;
    this.explainSoon();
    this.paint();
  }

  setPlaying(on) {
    if (on === this.at.isPlaying) return;
    this.at.isPlaying = on;
    this.play.textContent = on ? "Pause" : "Play";
    if (!on) {
      this.paint();
      return;
    }
    if (this.at.step >= this.at.last) this.at.step = 0;
    let before = performance.now(), owed = 0;
    const rate = this.at.last / Math.min(LONGEST, Math.max(SHORTEST, this.at.last / 25));
    const tick = (now) => {
      if (!this.at.isPlaying) return;
      owed += ((now - before) / 1000) * rate * Number(this.speed.value);
      before = now;
      const whole = Math.floor(owed);
      owed -= whole;
      if (whole) this.move(this.at.step + whole);
      if (this.at.step >= this.at.last) this.setPlaying(false);
      else requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  /** What keys do where no field wants them. */
  key(key) {
    const act = {
      " ": () => this.setPlaying(!this.at.isPlaying), ArrowLeft: () => this.go(this.at.step - 1),
      ArrowRight: () => this.go(this.at.step + 1), Home: () => this.go(0), End: () => this.go(this.at.last),
    }[key];
    act?.();
    return Boolean(act);
  }

  // -- paint ---------------------------------------------------------------------------------

  resized() {
    if (!this.map.ground) return;
    const { width } = (this.mapCanvas.hidden ? this.terrainCanvas : this.mapCanvas).getBoundingClientRect();
    if (!width) return;
    const height = Map2D.heightFor(width, this.map.ground.bounds);
    this.mapCanvas.style.height = `${height}px`;
    this.terrainCanvas.style.height = `${Math.max(380, height)}px`;
    this.curveCanvas.style.height = `${Math.max(260, height)}px`;
    this.map.bitmap = null;
    this.paint();
  }

  paint() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      if (!this.map.ground) return;
      if (this.ground === "surface") this.terrain.draw(this.at, this.look);
      else this.map.draw(this.at, this.look, this.held);
      this.curve.draw(this.at, this.look, this.held);
      this.scrub.max = this.at.last;
      this.scrub.value = this.at.step;
      this.scrub.setAttribute("aria-valuetext", `step ${this.at.step} of ${this.at.last}`);
      this.count.textContent = `${this.at.step} / ${this.at.last}`;
      this.element.dispatchEvent(new CustomEvent("painted", { bubbles: true }));
    });
  }
}
