/* What a network answers over the plane, with the samples on it. */

import { Scale, Surface, drawAxes, inside } from "./chart.js";
import { mark } from "./marks.js";

const AROUND_ANSWER = { left: 44, right: 10, top: 24, bottom: 42 };
const SHAPES = ["o", "s", "^", "D", "v", "P"];

export class Answer {
  constructor(canvas) {
    this.surface = new Surface(canvas);
  }

  /** `picture` covers the bounds; samples of the test have a rim of ink. */
  draw({ picture, bounds, train, test, colors, title }, look) {
    this.surface.fit();
    this.surface.clear(look.paper);
    const { pen, width, height } = this.surface;
    const box = {
      left: AROUND_ANSWER.left, top: AROUND_ANSWER.top, width: width - AROUND_ANSWER.left - AROUND_ANSWER.right,
      height: height - AROUND_ANSWER.top - AROUND_ANSWER.bottom,
    };
    const [[x0, x1], [y0, y1]] = bounds;
    const x = new Scale(x0, x1, box.left, box.left + box.width);
    const y = new Scale(y0, y1, box.top + box.height, box.top);
    pen.imageSmoothingEnabled = true;
    pen.drawImage(picture, box.left, box.top, box.width, box.height);
    const size = width < 300 ? 1.8 : 2.6;
    inside(pen, box, () => {
      for (const [{ points, labels }, rim, wide] of [[train, look.paper, 0.6], [test, look.ink, 1]])
        for (let k = 0; k < labels.length; k++)
          mark(pen, x.at(points[2 * k]), y.at(points[2 * k + 1]), SHAPES[labels[k] % SHAPES.length], size,
            colors[labels[k] % colors.length], rim, wide);
    });
    drawAxes(pen, box, x, y, ["feature 1", title], look);
  }
}

/** Bytes (rows, columns, 3), the topmost row first, as a picture. */
export function pictureOfColors(bytes) {
  const [rows, columns] = bytes.shape, pixels = new ImageData(columns, rows);
  for (let k = 0, j = 0; k < bytes.length; k += 3, j += 4) {
    pixels.data[j] = bytes[k];
    pixels.data[j + 1] = bytes[k + 1];
    pixels.data[j + 2] = bytes[k + 2];
    pixels.data[j + 3] = 255;
  }
  const picture = new OffscreenCanvas(columns, rows);
  picture.getContext("2d").putImageData(pixels, 0, 0);
  return picture;
}
