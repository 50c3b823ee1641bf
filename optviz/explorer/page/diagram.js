/* A network as a picture: a map of what each unit answers, and edges as wide as weights. */

import { Surface } from "./chart.js";

/** Pixels of a unit's map on the screen, at most and at least. */
const LARGEST = 46, SMALLEST = 14;
const HEAD = 26;

export class Diagram {
  constructor(canvas, colors) {
    this.surface = new Surface(canvas);
    this.colors = colors;
    this.columns = [];
  }

  /** Where units stand: columns of {x, y, size}, for so many in each. */
  layout(counts) {
    const { width, height } = this.surface, most = Math.max(...counts);
    const size = Math.max(SMALLEST, Math.min(LARGEST, (height - HEAD - 8) / (1.28 * most), (0.5 * width) / counts.length));
    this.size = size;
    this.columns = counts.map((count, k) => {
      const x = (width * (k + 0.5)) / counts.length - size / 2;
      const room = (height - HEAD - 4) / count, step = Math.min(1.28 * size, room);
      const top = HEAD + (height - HEAD - count * step) / 2 + (step - size) / 2;
      return Array.from({ length: count }, (_, j) => ({ x, y: top + j * step }));
    });
  }

  /** All of it: `maps` has for each column its units' bytes, `weights` the matrices between. */
  draw({ maps, weights, names, held, points }, look) {
    this.surface.fit();
    this.surface.clear(look.paper);
    const { pen } = this.surface;
    this.layout(maps.map((map) => map.shape[0]));
    this.drawEdges(pen, weights);
    maps.forEach((map, k) => this.drawUnits(pen, map, k, points, look, held));
    pen.fillStyle = look.quiet;
    pen.textAlign = "center";
    pen.textBaseline = "top";
    names.forEach((name, k) => pen.fillText(name, this.columns[k][0].x + this.size / 2, 4));
  }

  drawEdges(pen, weights) {
    let heaviest = 1e-12;
    for (const w of weights) for (const v of w) if (Math.abs(v) > heaviest) heaviest = Math.abs(v);
    weights.forEach((w, k) => {
      const [rows, columns] = w.shape, from = this.columns[k], to = this.columns[k + 1];
      if (!to) return;
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++) {
          const share = Math.abs(w[i * columns + j]) / heaviest;
          if (!(share > 0.01)) continue;
          const [x0, y0] = [from[i].x + this.size, from[i].y + this.size / 2];
          const [x1, y1] = [to[j].x, to[j].y + this.size / 2], bend = 0.5 * (x1 - x0);
          pen.strokeStyle = w[i * columns + j] > 0 ? this.colors.positive : this.colors.negative;
          pen.globalAlpha = 0.25 + 0.75 * share;
          pen.lineWidth = 0.4 + 4 * share;
          pen.beginPath();
          pen.moveTo(x0, y0);
          pen.bezierCurveTo(x0 + bend, y0, x1 - bend, y1, x1, y1);
          pen.stroke();
        }
    });
    pen.globalAlpha = 1;
  }

  drawUnits(pen, map, k, points, look, held) {
    const count = points * points;
    this.columns[k].forEach(({ x, y }, j) => {
      const picture = pictureOf(map.subarray(j * count, (j + 1) * count), points, look);
      pen.imageSmoothingEnabled = true;
      pen.drawImage(picture, x, y, this.size, this.size);
      const is = held && held.column === k && held.unit === j;
      pen.strokeStyle = is ? look.ink : look.quiet;
      pen.lineWidth = is ? 2.5 : 1;
      pen.strokeRect(x, y, this.size, this.size);
    });
  }

  /** The unit under a pixel, as {column, unit}, or null. */
  unitAt(px, py) {
    for (const [column, units] of this.columns.entries())
      for (const [unit, { x, y }] of units.entries())
        if (px >= x && px <= x + this.size && py >= y && py <= y + this.size) return { column, unit };
    return null;
  }
}

/** Red above 0, blue below, paper at 0: bytes as `network.py` makes them, lowest y first. */
export function pictureOf(bytes, points, look) {
  const pixels = new ImageData(points, points), paper = rgb(look.paper);
  for (let row = 0, k = 0; row < points; row++)
    for (let column = 0; column < points; column++, k++) {
      const at = 4 * ((points - 1 - row) * points + column), share = (bytes[k] - 128) / 127;
      const hue = bytes[k] === 0 ? [128, 128, 128] : share > 0 ? [178, 24, 43] : [33, 102, 172];
      const depth = bytes[k] === 0 ? 1 : Math.min(1, Math.abs(share));
      for (let c = 0; c < 3; c++) pixels.data[at + c] = depth * hue[c] + (1 - depth) * paper[c];
      pixels.data[at + 3] = 255;
    }
  const picture = new OffscreenCanvas(points, points);
  picture.getContext("2d").putImageData(pixels, 0, 0);
  return picture;
}

export function rgb(hex) {
  return [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
}
