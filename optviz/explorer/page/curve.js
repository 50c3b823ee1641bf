/* The curve beside the map, and the scan of rates that may take its place. */

import { Scale, Surface, drawAxes, inside, line } from "./chart.js";
import { nearestOf } from "./map.js";
import { mark } from "./marks.js";
import { told } from "./text.js";

const AROUND_CURVE = { left: 52, right: 96, top: 24, bottom: 42 };
/** Below this all is rounding. */
const FLOOR = 1e-16;

export class Curve {
  constructor(canvas) {
    this.surface = new Surface(canvas);
    this.runs = [];
    this.name = "f − f*";
    this.scan = null;
  }

  frame() {
    const { width, height } = this.surface;
    return {
      left: AROUND_CURVE.left, top: AROUND_CURVE.top, width: Math.max(40, width - AROUND_CURVE.left - AROUND_CURVE.right),
      height: Math.max(40, height - AROUND_CURVE.top - AROUND_CURVE.bottom),
    };
  }

  draw(state, look, held) {
    this.surface.fit();
    this.surface.clear(look.paper);
    this.box = this.frame();
    if (this.scan) this.drawScan(look);
    else this.drawCurves(state, look, held);
  }

  /** Logarithmic where all that is shown is positive. */
  scales(last) {
    let low = Infinity, high = -Infinity;
    for (const run of this.runs)
      for (const rows of run.curves)
        for (const value of rows)
          if (Number.isFinite(value)) {
            low = Math.min(low, value);
            high = Math.max(high, value);
          }
    const isLog = low > 0;
    if (!Number.isFinite(low)) [low, high] = [FLOOR, 1];
    if (isLog) [low, high] = [Math.max(low, FLOOR), Math.max(high, FLOOR * 10)];
    const room = isLog ? 0 : 0.04 * (high - low);
    const { left, top, width, height } = this.box;
    this.x = new Scale(0, Math.max(1, last), left, left + width);
    this.y = new Scale(low - room, high + room, top + height - 2, top + 2, isLog);
  }

  drawCurves({ step, last }, look, held) {
    const { pen } = this.surface, { box } = this;
    this.scales(last);
    drawAxes(pen, box, this.x, this.y, ["step", this.name], look);
    inside(pen, box, () => {
      for (const run of this.runs) for (const rows of run.curves) this.band(pen, run, rows, step);
      for (const run of this.runs) run.curves.forEach((rows, j) => this.one(pen, run, rows, j, step));
      pen.setLineDash([]);
      if (step < last) {
        pen.strokeStyle = look.quiet;
        pen.lineWidth = 1;
        line(pen, this.x.at(step), box.top, this.x.at(step), box.top + box.height);
      }
    });
    this.names(pen, step, look);
    if (held) {
      const y = this.valueAt(held.run, 0, held.step);
      if (Number.isFinite(y)) {
        pen.strokeStyle = look.ink;
        pen.lineWidth = 1.4;
        pen.beginPath();
        pen.arc(this.x.at(held.step), this.yAt(y), 8, 0, 2 * Math.PI);
        pen.stroke();
      }
    }
  }

  yAt(value) {
    return this.y.at(this.y.log ? Math.max(value, this.y.low) : value);
  }

  /** Of one row the only one, of three the median. */
  valueAt(run, j, k) {
    const rows = run.curves[j], [count, length] = rows.shape;
    return rows[(count === 3 ? length : 0) + Math.min(k, length - 1)];
  }

  length(run) {
    return run.curves.length ? run.curves[0].shape[1] : 0;
  }

  one(pen, run, rows, j, step) {
    const length = rows.shape[1];
    pen.strokeStyle = run.color;
    pen.lineWidth = j ? 1.1 : 1.9;
    pen.setLineDash(j ? [2, 3] : run.dash.map((v) => 2 * v));
    pen.beginPath();
    let isDown = false;
    for (let k = 0; k <= Math.min(step, length - 1); k++) {
      const value = this.valueAt(run, j, k);
      if (!Number.isFinite(value)) {
        isDown = false;
        continue;
      }
      if (isDown) pen.lineTo(this.x.at(k), this.yAt(value));
      else pen.moveTo(this.x.at(k), this.yAt(value));
      isDown = true;
    }
    pen.stroke();
  }

  band(pen, run, rows, step) {
    const [count, length] = rows.shape;
    if (count !== 3) return;
    const end = Math.min(step, length - 1), high = this.y.high;
    pen.globalAlpha = 0.15;
    pen.fillStyle = run.color;
    pen.beginPath();
    for (let k = 0; k <= end; k++) pen.lineTo(this.x.at(k), this.yAt(Math.min(rows[k], high)));
    for (let k = end; k >= 0; k--)
      pen.lineTo(this.x.at(k), this.yAt(Math.min(rows[2 * length + k], high)));
    pen.fill();
    pen.globalAlpha = 1;
  }

  /** A name at each line's end; those that would touch are moved apart. */
  names(pen, step, look) {
    const shown = [];
    for (const run of this.runs) {
      const k = Math.min(step, this.length(run) - 1);
      const value = k < 0 ? NaN : this.valueAt(run, 0, k);
      if (Number.isFinite(value)) shown.push({ run, x: this.x.at(k), y: this.yAt(value) });
    }
    for (const { run, x, y } of shown) mark(pen, x, y, run.marker, 4, run.color, look.paper);
    const { top, height, left, width } = this.box, gap = Math.min(15, height / (shown.length + 1));
    shown.sort((a, b) => a.y - b.y);
    shown.forEach((item, k) => {
      item.text = Math.max(item.y, k ? shown[k - 1].text + gap : top + 6);
    });
    for (let k = shown.length - 1, lowest = top + height - 4; k >= 0; k--, lowest -= gap)
      shown[k].text = Math.min(shown[k].text, lowest);
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    for (const { run, text } of shown) {
      mark(pen, left + width + 10, text, run.marker, 3.6, run.color, null);
      pen.fillStyle = look.ink;
      pen.fillText(shortened(pen, run.name, AROUND_CURVE.right - 22), left + width + 18, text);
    }
  }

  nearest(px, py, { step }) {
    if (this.scan) return null;
    return nearestOf(this.runs, step, px, py, (run, k) => {
      const value = this.valueAt(run, 0, k);
      return [this.x.at(k), Number.isFinite(value) ? this.yAt(value) : -1e9];
    }, (run) => this.length(run));
  }

  // -- what other rates would have done ------------------------------------------------------

  drawScan(look) {
    const { pen } = this.surface, { box, scan } = this, { rates, gaps } = scan.arrays;
    const count = rates.length;
    const top = 10 * Math.max(scan.first, FLOOR), low = Math.max(FLOOR, 1e-12 * scan.first);
    this.x = new Scale(rates[0], rates[count - 1], box.left, box.left + box.width, true);
    this.y = new Scale(low, top, box.top + box.height - 2, box.top + 2, true);
    drawAxes(pen, box, this.x, this.y, ["rate", `f − f* after ${told(scan.steps, 6)} steps`], look);
    const clip = (v) => this.y.at(Math.min(top, Math.max(low, v)));
    inside(pen, box, () => scan.runs.forEach((run, k) => {
      const row = (q, j) => gaps[(3 * k + q) * count + j];
      pen.globalAlpha = 0.13;
      pen.fillStyle = pen.strokeStyle = run.color;
      pen.beginPath();
      for (let j = 0; j < count; j++) pen.lineTo(this.x.at(rates[j]), clip(row(0, j)));
      for (let j = count - 1; j >= 0; j--) pen.lineTo(this.x.at(rates[j]), clip(row(2, j)));
      pen.fill();
      pen.globalAlpha = 1;
      pen.lineWidth = 1.9;
      pen.beginPath();
      for (let j = 0; j < count; j++) pen.lineTo(this.x.at(rates[j]), clip(row(1, j)));
      pen.stroke();
    }));
    scan.runs.forEach((run) => {
      if (!(run.now >= rates[0] && run.now <= rates[count - 1])) return;
      // The rate that is shown on the map.
      mark(pen, this.x.at(run.now), box.top + box.height - 7, run.marker, 4.5, run.color, look.paper);
    });
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    scan.runs.forEach((run, k) => {
      const y = box.top + 8 + 30 * k;
      mark(pen, box.left + box.width + 10, y, run.marker, 3.6, run.color, null);
      pen.fillStyle = look.ink;
      pen.fillText(shortened(pen, run.name, AROUND_CURVE.right - 22), box.left + box.width + 18, y);
      pen.fillStyle = look.quiet;
      pen.fillText(run.best === null ? "none works" : `best ${told(run.best)}`, box.left + box.width + 18, y + 13);
    });
  }

  /** The rate under a pixel of the scan, to three digits. */
  rateAt(px) {
    return Number(Math.min(this.x.high, Math.max(this.x.low, this.x.back(px))).toPrecision(3));
  }
}

function shortened(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  let cut = text;
  while (cut.length > 1 && pen.measureText(`${cut}…`).width > room) cut = cut.slice(0, -1);
  return `${cut.trimEnd()}…`;
}
