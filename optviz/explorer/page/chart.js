/* What a chart on a canvas needs: its size in true pixels, scales, ticks, axes. */

import { told } from "./text.js";

const FONT = '12px system-ui, "DejaVu Sans", Verdana, sans-serif';

/** A canvas with a context in CSS pixels, as sharp as the screen. */
export class Surface {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.fit();
  }

  /** Follow the element's size; whether it has changed. */
  fit() {
    const box = this.canvas.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.max(1, Math.round(box.width)), Math.max(1, Math.round(box.height))];
    const is = width !== this.width || height !== this.height || ratio !== this.ratio;
    if (is) {
      Object.assign(this, { width, height, ratio });
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    return is;
  }

  clear(color) {
    this.pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.pen.globalAlpha = 1;
    this.pen.fillStyle = color;
    this.pen.fillRect(0, 0, this.width, this.height);
    this.pen.font = FONT;
  }
}

/** From numbers to pixels and back; `log` for positive numbers. */
export class Scale {
  constructor(low, high, from, to, log = false) {
    if (!(high > low)) high = log ? low * 10 : low + 1;
    const [a, b] = log ? [Math.log10(low), Math.log10(high)] : [low, high];
    Object.assign(this, { low, high, from, to, log, a, b, factor: (to - from) / (b - a) });
  }

  at(value) {
    return this.from + ((this.log ? Math.log10(value) : value) - this.a) * this.factor;
  }

  back(pixel) {
    const value = this.a + (pixel - this.from) / this.factor;
    return this.log ? 10 ** value : value;
  }

  /** Round numbers, about `count` of them. */
  ticks(count) {
    return this.log ? decades(this.a, this.b, count) : steps(this.low, this.high, count);
  }
}

function steps(low, high, count) {
  const rough = (high - low) / Math.max(1, count), power = 10 ** Math.floor(Math.log10(rough));
  // The nearest below: rather a few more than too few.
  const step = [5, 2, 1].map((k) => k * power).find((s) => s <= rough * 1.001) ?? power;
  const out = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) out.push(k * step);
  return out;
}

function decades(a, b, count) {
  const first = Math.ceil(a - 1e-9), last = Math.floor(b + 1e-9);
  const each = Math.max(1, Math.ceil((last - first) / Math.max(1, count)));
  const out = [];
  for (let k = first; k <= last; k++) if (k % each === 0) out.push(10 ** k);
  return out.length > 1 ? out : steps(10 ** a, 10 ** b, count).filter((v) => v > 0);
}

/** The frame of a chart with ticks, their numbers and the axes' names. */
export function drawAxes(pen, box, x, y, names, look) {
  pen.save();
  pen.strokeStyle = look.faint;
  pen.fillStyle = look.quiet;
  pen.lineWidth = 1;
  pen.strokeRect(box.left + 0.5, box.top + 0.5, box.width - 1, box.height - 1);
  pen.textAlign = "center";
  pen.textBaseline = "top";
  const bottom = box.top + box.height;
  for (const value of x.ticks(Math.max(2, box.width / 70))) {
    const at = Math.round(x.at(value)) + 0.5;
    line(pen, at, bottom, at, bottom + 4);
    pen.fillText(told(value), at, bottom + 6);
  }
  pen.fillText(names[0], box.left + box.width / 2, bottom + 21);
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const value of y.ticks(Math.max(2, box.height / 50))) {
    const at = Math.round(y.at(value)) + 0.5;
    line(pen, box.left - 4, at, box.left, at);
    pen.fillText(told(value), box.left - 7, at);
  }
  pen.textAlign = "left";
  pen.textBaseline = "bottom";
  pen.fillText(names[1], Math.max(2, box.left - 44), box.top - 5);
  pen.restore();
}

export function line(pen, x0, y0, x1, y1) {
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
}

/** Only inside a box. */
export function inside(pen, box, draw) {
  pen.save();
  pen.beginPath();
  pen.rect(box.left, box.top, box.width, box.height);
  pen.clip();
  draw();
  pen.restore();
}
