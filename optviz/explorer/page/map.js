/* The map: ground, field or basins, and the paths on top, up to a step. */

import { Scale, Surface, drawAxes, inside, line } from "./chart.js";
import { mark, path } from "./marks.js";

/** Room around a map: for numbers, and for the bar where there is room for it. */
const AROUND_MAP = { left: 52, right: 74, top: 24, bottom: 42 };
const AROUND_SMALL = { ...AROUND_MAP, left: 40, right: 12 };
/** Pixels of width below which there is none. */
const SMALL = 480;
/** Pixels within which a pointer finds a point or a start. */
const NEAR = 14;
/** Width over height of a map, at most and at least: beyond, it is not drawn to scale. */
const WIDEST = 3;

export class Map2D {
  constructor(canvas) {
    this.surface = new Surface(canvas);
    this.ground = null;
    this.bitmap = null;
    this.basins = null;
    this.runs = [];
  }

  /** The height that a width wants: equal in both directions. */
  static heightFor(width, bounds) {
    const [[x0, x1], [y0, y1]] = bounds;
    const ratio = Math.min(WIDEST, Math.max(1 / WIDEST, (x1 - x0) / (y1 - y0)));
    const room = roomOf(width), inner = Math.max(80, width - room.left - room.right);
    return Math.round(Math.min(inner / ratio, 1.1 * inner) + room.top + room.bottom);
  }

  setGround(told, arrays) {
    this.ground = { ...told, arrays };
    this.basins = null;
    this.bitmap = null;
  }

  layout() {
    const { width, height } = this.surface, [[x0, x1], [y0, y1]] = this.ground.bounds;
    const room = roomOf(width);
    let [w, h] = [width - room.left - room.right, height - room.top - room.bottom];
    const ratio = (x1 - x0) / (y1 - y0);
    this.isToScale = ratio <= WIDEST && ratio >= 1 / WIDEST;
    if (this.isToScale) [w, h] = w / h > ratio ? [h * ratio, h] : [w, w / ratio];
    this.box = { left: room.left, top: room.top, width: w, height: h };
    this.x = new Scale(x0, x1, room.left, room.left + w);
    this.y = new Scale(y0, y1, room.top + h, room.top);
  }

  /** Bands, isolines, arrows or basins, axes and bar: drawn once, and kept as a picture. */
  paintGround(look) {
    this.layout();
    const { width, height, ratio } = this.surface;
    this.bitmap = new OffscreenCanvas(Math.round(width * ratio), Math.round(height * ratio));
    const pen = this.bitmap.getContext("2d"), { box, ground } = this;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.font = this.surface.pen.font;
    pen.fillStyle = look.paper;
    pen.fillRect(0, 0, width, height);
    inside(pen, box, () => {
      if (this.basins) this.paintBasins(pen);
      else this.paintBands(pen);
      if (ground.arrays.places && !this.basins) this.paintField(pen, look);
    });
    drawAxes(pen, box, this.x, this.y, ground.axes, look);
    if (!this.basins && width >= SMALL) this.paintBar(pen, look);
  }

  paintBands(pen) {
    const { arrays, colors, isoline } = this.ground;
    for (let k = 0; k < this.ground.bands; k++)
      this.outline(pen, arrays[`band${k}`], arrays[`band${k}.at`], () => {
        pen.fillStyle = colors[k];
        pen.fill("evenodd");
      });
    pen.strokeStyle = isoline;
    pen.lineWidth = 0.7;
    for (let k = 0; k < this.ground.bands - 1; k++)
      this.outline(pen, arrays[`line${k}`], arrays[`line${k}.at`], () => pen.stroke());
  }

  /** Polygons or lines whose points are shares of the bounds. */
  outline(pen, points, at, finish) {
    if (!points) return;
    const { left, top, width, height } = this.box, bottom = top + height;
    pen.beginPath();
    for (let part = 0; part + 1 < at.length; part++) {
      pen.moveTo(left + width * points[2 * at[part]], bottom - height * points[2 * at[part] + 1]);
      for (let k = at[part] + 1; k < at[part + 1]; k++)
        pen.lineTo(left + width * points[2 * k], bottom - height * points[2 * k + 1]);
    }
    finish();
  }

  paintField(pen, look) {
    const { places, arrows } = this.ground.arrays;
    pen.strokeStyle = pen.fillStyle = look.quiet;
    pen.lineWidth = 1.1;
    for (let k = 0; k < places.length; k += 2) {
      const [dx, dy] = [arrows[k] * this.x.factor, arrows[k + 1] * this.y.factor];
      const [cx, cy] = [this.x.at(places[k]), this.y.at(places[k + 1])], size = Math.hypot(dx, dy);
      if (!(size > 1.5)) continue;
      const [ux, uy] = [dx / size, dy / size], head = Math.min(5, 0.5 * size);
      const [tx, ty] = [cx + dx / 2, cy + dy / 2];
      line(pen, cx - dx / 2, cy - dy / 2, tx - ux * head, ty - uy * head);
      pen.beginPath();
      pen.moveTo(tx, ty);
      pen.lineTo(tx - head * (ux + 0.5 * uy), ty - head * (uy - 0.5 * ux));
      pen.lineTo(tx - head * (ux - 0.5 * uy), ty - head * (uy + 0.5 * ux));
      pen.fill();
    }
  }

  paintBasins(pen) {
    const { image } = this.basins, [rows, columns] = image.shape;
    const pixels = new ImageData(columns, rows);
    for (let k = 0, j = 0; k < image.length; k += 3, j += 4) {
      pixels.data[j] = image[k];
      pixels.data[j + 1] = image[k + 1];
      pixels.data[j + 2] = image[k + 2];
      pixels.data[j + 3] = 255;
    }
    const small = new OffscreenCanvas(columns, rows);
    small.getContext("2d").putImageData(pixels, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, this.box.left, this.box.top, this.box.width, this.box.height);
  }

  paintBar(pen, look) {
    const { colors, labels, bar, bands } = this.ground, { box } = this, count = bands - 1;
    const left = box.left + box.width + 12, each = box.height / count;
    for (let k = 0; k < count; k++) {
      pen.fillStyle = colors[k + 1];
      pen.fillRect(left, box.top + box.height - (k + 1) * each, 12, each + 0.5);
    }
    pen.strokeStyle = look.faint;
    pen.strokeRect(left + 0.5, box.top + 0.5, 11, box.height - 1);
    pen.fillStyle = look.quiet;
    pen.textBaseline = "middle";
    pen.textAlign = "left";
    const every = Math.max(1, Math.ceil(18 / each));
    for (let k = 0; k <= count; k += every)
      pen.fillText(labels[k], left + 16, box.top + box.height - k * each);
    pen.textBaseline = "top";
    bar.split("\n").forEach((part, k) => pen.fillText(part, left - 8, box.top + box.height + 8 + 13 * k));
  }

  /** All of it, up to a step; `held` is what the pointer holds or the panel explains. */
  draw(state, look, held) {
    if (!this.ground) return;
    if (this.surface.fit() || !this.bitmap) this.paintGround(look);
    const { pen } = this.surface;
    this.surface.clear(look.paper);
    pen.drawImage(this.bitmap, 0, 0, this.surface.width, this.surface.height);
    inside(pen, grown(this.box, 1), () => {
      for (const run of this.runs) this.drawThin(pen, run);
      for (const run of this.runs) this.drawPath(pen, run, state);
    });
    for (const run of this.runs) this.drawEnds(pen, run, state, look);
    this.drawMinima(pen, look);
    if (held) this.drawHeld(pen, held, look);
  }

  drawThin(pen, run) {
    if (!run.thin) return;
    const [count, steps] = run.thin.shape;
    pen.strokeStyle = run.color;
    pen.globalAlpha = 0.16;
    pen.lineWidth = 0.8;
    pen.setLineDash([]);
    for (let k = 0; k < count; k++) {
      const points = run.thin.subarray(2 * k * steps, 2 * (k + 1) * steps);
      const end = points.findIndex(Number.isNaN);
      path(pen, points, 0, (end < 0 ? steps : end >> 1) - 1, this.x, this.y);
    }
    pen.globalAlpha = 1;
  }

  drawPath(pen, run, { step, last, isPlaying }) {
    const end = Math.min(step, run.count - 1), trail = Math.max(8, Math.round(last / 12));
    // What lies long behind fades while it plays, and on a picture nothing does.
    const fresh = isPlaying ? Math.max(0, end - trail) : 0;
    pen.strokeStyle = run.color;
    pen.lineJoin = pen.lineCap = "round";
    pen.setLineDash(run.dash.map((v) => 2 * v));
    pen.lineWidth = 1.6;
    pen.globalAlpha = 0.45;
    path(pen, run.points, 0, fresh, this.x, this.y);
    pen.globalAlpha = 1;
    pen.lineWidth = 2.1;
    path(pen, run.points, fresh, end, this.x, this.y);
    pen.setLineDash([]);
  }

  drawMinima(pen, look) {
    const { minima } = this.ground.arrays;
    for (let k = 0; k < minima.length; k += 2)
      if (this.holds(minima[k], minima[k + 1]))
        mark(pen, this.x.at(minima[k]), this.y.at(minima[k + 1]), "*", 7, this.ground.star, look.ink, 0.9);
  }

  drawEnds(pen, run, { step }, look) {
    const end = Math.min(step, run.count - 1), isGone = run.left !== null && step >= run.left;
    const [x0, y0] = [this.x.at(run.points[0]), this.y.at(run.points[1])];
    pen.beginPath();
    pen.arc(x0, y0, 5.5, 0, 2 * Math.PI);
    pen.strokeStyle = look.paper;
    pen.lineWidth = 4;
    pen.stroke();
    pen.strokeStyle = look.ink;
    pen.lineWidth = 1.6;
    pen.stroke();
    const [x, y] = [this.x.at(run.points[2 * end]), this.y.at(run.points[2 * end + 1])];
    mark(pen, x, y, isGone ? "X" : run.marker, 5, run.color, look.paper);
  }

  drawHeld(pen, { run, step }, look) {
    const k = Math.min(step, run.count - 1);
    const [x, y] = [this.x.at(run.points[2 * k]), this.y.at(run.points[2 * k + 1])];
    pen.strokeStyle = look.ink;
    pen.lineWidth = 1.4;
    pen.beginPath();
    pen.arc(x, y, 9, 0, 2 * Math.PI);
    pen.stroke();
  }

  holds(x, y) {
    const [[x0, x1], [y0, y1]] = this.ground.bounds;
    return x >= x0 && x <= x1 && y >= y0 && y <= y1;
  }

  /** The place under a pixel, kept inside the bounds, in digits that the map can tell apart. */
  placeAt(px, py) {
    const keep = (value, [low, high]) => {
      const digits = Math.max(0, 3 - Math.floor(Math.log10(high - low)));
      return Number(Math.min(high, Math.max(low, value)).toFixed(Math.min(12, digits)));
    };
    const [xs, ys] = this.ground.bounds;
    return [keep(this.x.back(px), xs), keep(this.y.back(py), ys)];
  }

  isOver(px, py) {
    const b = this.box;
    return b && px >= b.left - 6 && px <= b.left + b.width + 6 && py >= b.top - 6 && py <= b.top + b.height + 6;
  }

  /** The path's point nearest to a pixel, as {run, step}, or null. */
  nearest(px, py, { step }) {
    return nearestOf(this.runs, step, px, py, (run, k) =>
      [this.x.at(run.points[2 * k]), this.y.at(run.points[2 * k + 1])]);
  }
}

/** Among the points of runs up to a step the one nearest to a pixel; `at` gives a point's pixels. */
export function nearestOf(runs, step, px, py, at, length = (run) => run.count) {
  let best = null;
  for (const run of runs)
    for (let k = 0; k <= Math.min(step, length(run) - 1); k++) {
      const [x, y] = at(run, k), d = Math.hypot(x - px, y - py);
      if (d < NEAR && (!best || d <= best.d)) best = { d, run, step: k };
    }
  return best && { run: best.run, step: best.step };
}

function roomOf(width) {
  return width < SMALL ? AROUND_SMALL : AROUND_MAP;
}

function grown({ left, top, width, height }, by) {
  return { left: left - by, top: top - by, width: width + 2 * by, height: height + 2 * by };
}
