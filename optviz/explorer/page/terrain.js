/* A surface in three dimensions: turned, brought nearer, with paths on it. */

import { Surface } from "./chart.js";
import { rgb } from "./diagram.js";
import { make } from "./elements.js";
import { mark } from "./marks.js";
import { told } from "./text.js";

/** Height of the box over its longer side, and the view that pictures have. */
const TALL = 0.55, VIEW = { azimuth: -58, elevation: 34, zoom: 1 };
const STEP = 10;

export class Terrain {
  constructor(canvas) {
    this.surface = new Surface(canvas);
    this.view = { ...VIEW };
    this.data = null;
    this.changed = () => {};
    this.listen(canvas);
  }

  /** Heights (rows, columns) over bounds; paths are {points (n, 3), color, marker, dash}. */
  set(data) {
    this.data = data;
    const seen = data.heights.filter((v) => Number.isFinite(v));
    [this.low, this.high] = [Math.min(...seen), Math.max(...seen)];
    if (!(this.high > this.low)) this.high = this.low + 1;
  }

  /** Buttons for those who have no mouse. */
  buttons() {
    const one = (label, text, change) => make("button", {
      type: "button", "aria-label": label, title: label, onclick: () => this.turn(change),
    }, text);
    return make("div", { class: "ov-transport", role: "group", "aria-label": "View" },
      one("Turn left", "⟲", { azimuth: -STEP }), one("Turn right", "⟳", { azimuth: STEP }),
      one("Higher", "▴", { elevation: STEP }), one("Lower", "▾", { elevation: -STEP }),
      one("Nearer", "+", { zoom: 1.2 }), one("Farther", "−", { zoom: 1 / 1.2 }),
      make("button", { type: "button", onclick: () => { this.view = { ...VIEW }; this.changed(); } }, "As in pictures"));
  }

  turn({ azimuth = 0, elevation = 0, zoom = 1 }) {
    const { view } = this;
    view.azimuth += azimuth;
    view.elevation = Math.max(2, Math.min(90, view.elevation + elevation));
    view.zoom = Math.max(0.5, Math.min(8, view.zoom * zoom));
    this.changed();
  }

  listen(canvas) {
    let from = null;
    canvas.addEventListener("pointerdown", (event) => {
      from = [event.clientX, event.clientY];
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!from) return;
      this.turn({ azimuth: -0.5 * (event.clientX - from[0]), elevation: 0.4 * (event.clientY - from[1]) });
      from = [event.clientX, event.clientY];
    });
    const drop = () => { from = null; };
    canvas.addEventListener("pointerup", drop);
    canvas.addEventListener("pointercancel", drop);
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.turn({ zoom: Math.exp(-0.0015 * event.deltaY) });
    }, { passive: false });
  }

  /** From coordinates to pixels: turned about the vertical, then tilted; parallel. */
  projection() {
    const { width, height } = this.surface, [[x0, x1], [y0, y1]] = this.data.bounds;
    const longer = Math.max(x1 - x0, y1 - y0), a = ((90 + this.view.azimuth) * Math.PI) / 180;
    const e = (this.view.elevation * Math.PI) / 180;
    const size = this.view.zoom * Math.min(0.62 * width, 0.76 * height);
    const [cos, sin, up, down] = [Math.cos(a), Math.sin(a), Math.cos(e), Math.sin(e)];
    const [cx, cy] = [0.5 * (x0 + x1), 0.5 * (y0 + y1)], lift = TALL / (this.high - this.low);
    this.toward = [Math.sin(a), -Math.cos(a)];
    return (x, y, z) => {
      const px = (x - cx) / longer, py = (y - cy) / longer, pz = (z - this.low) * lift - 0.5 * TALL;
      return [0.5 * width + size * (px * cos + py * sin),
        0.49 * height - size * (pz * up + (py * cos - px * sin) * down)];
    };
  }

  draw({ step = 1e9 } = {}, look) {
    this.surface.fit();
    this.surface.clear(look.paper);
    if (!this.data) return;
    const { pen } = this.surface, at = this.projection();
    this.drawBox(pen, at, look);
    this.drawMesh(pen, at);
    this.drawPaths(pen, at, step, look);
  }

  drawMesh(pen, at) {
    const { heights, bounds, colors } = this.data, [rows, columns] = heights.shape;
    const [[x0, x1], [y0, y1]] = bounds, [low, high] = colors.map(rgb);
    const places = new Float64Array(2 * rows * columns);
    for (let j = 0, k = 0; j < rows; j++)
      for (let i = 0; i < columns; i++, k += 2) {
        const [px, py] = at(x0 + ((x1 - x0) * i) / (columns - 1), y0 + ((y1 - y0) * j) / (rows - 1),
          heights[j * columns + i]);
        places[k] = px;
        places[k + 1] = py;
      }
    // From far to near: of a surface over a plane that is an order of rows and columns.
    const [tx, ty] = this.toward;
    const across = Array.from({ length: columns - 1 }, (_, i) => (tx > 0 ? i : columns - 2 - i));
    const along = Array.from({ length: rows - 1 }, (_, j) => (ty > 0 ? j : rows - 2 - j));
    pen.lineWidth = 0.7;
    pen.lineJoin = "round";
    const span = this.high - this.low;
    const paint = (i, j) => {
      const corners = [j * columns + i, j * columns + i + 1, (j + 1) * columns + i + 1, (j + 1) * columns + i];
      let mean = 0;
      for (const k of corners) mean += heights[k];
      if (!Number.isFinite(mean)) return;
      const share = (mean / 4 - this.low) / span;
      const hue = low.map((v, c) => Math.round(v + share * (high[c] - v)));
      pen.fillStyle = pen.strokeStyle = `rgb(${hue[0]},${hue[1]},${hue[2]})`;
      pen.beginPath();
      for (const k of corners) pen.lineTo(places[2 * k], places[2 * k + 1]);
      pen.closePath();
      pen.fill();
      pen.stroke();
    };
    if (Math.abs(tx) > Math.abs(ty)) for (const i of across) for (const j of along) paint(i, j);
    else for (const j of along) for (const i of across) paint(i, j);
  }

  drawPaths(pen, at, step, look) {
    const { runs, minima, star } = this.data;
    const heads = [];
    for (const run of runs) {
      const count = run.points.length / 3, end = Math.min(step, count - 1);
      if (end < 0) continue;
      for (const [width, color] of [[4, look.paper], [2, run.color]]) {
        pen.strokeStyle = color;
        pen.lineWidth = width;
        pen.setLineDash(width === 2 ? (run.dash ?? []).map((v) => 2 * v) : []);
        pen.beginPath();
        for (let k = 0; k <= end; k++)
          if (Number.isFinite(run.points[3 * k + 2])) pen.lineTo(...at(...run.points.subarray(3 * k, 3 * k + 3)));
        pen.stroke();
      }
      pen.setLineDash([]);
      heads.push([run, at(...run.points.subarray(3 * end, 3 * end + 3)), at(...run.points.subarray(0, 3))]);
    }
    for (let k = 0; minima && k < minima.length; k += 3) {
      const [x, y] = at(...minima.subarray(k, k + 3));
      mark(pen, x, y, "*", 7, star, look.ink, 0.9);
    }
    for (const [run, [x, y], [sx, sy]] of heads) {
      pen.beginPath();
      pen.arc(sx, sy, 5, 0, 2 * Math.PI);
      pen.strokeStyle = look.ink;
      pen.lineWidth = 1.5;
      pen.stroke();
      mark(pen, x, y, run.marker, 5.5, run.color, look.paper);
    }
  }

  /** The floor's edges with their names and ends, and the heights. */
  drawBox(pen, at, look) {
    const [[x0, x1], [y0, y1]] = this.data.bounds, [nx, ny, nz] = this.data.axes, [tx, ty] = this.toward;
    const y = ty > 0 ? y1 : y0, x = tx > 0 ? x1 : x0, { low, high } = this;
    pen.strokeStyle = look.faint;
    pen.lineWidth = 1;
    pen.beginPath();
    [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]].forEach(([a, b], k) =>
      (k ? pen.lineTo(...at(a, b, low)) : pen.moveTo(...at(a, b, low))));
    pen.stroke();
    pen.fillStyle = look.quiet;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    const middle = at(0.5 * (x0 + x1), 0.5 * (y0 + y1), low);
    const write = (text, place) => {
      // Outside of the floor: away from its middle.
      const [px, py] = at(...place), d = Math.hypot(px - middle[0], py - middle[1]) || 1;
      pen.fillText(text, px + (18 * (px - middle[0])) / d, py + (18 * (py - middle[1])) / d);
    };
    // Ends a little inside: at the near corner both axes end.
    const along = (a, b, share) => a + share * (b - a);
    for (const share of [0.07, 0.93]) {
      write(told(share < 0.5 ? x0 : x1), [along(x0, x1, share), y, low]);
      write(told(share < 0.5 ? y0 : y1), [x, along(y0, y1, share), low]);
    }
    write(nx, [0.5 * (x0 + x1), y, low]);
    write(ny, [x, 0.5 * (y0 + y1), low]);
    pen.textAlign = "left";
    pen.fillText(`height: ${nz}, from ${told(low)} to ${told(high)}`, 8, 12);
  }
}
