/* How a network learns: loss curves, histograms of answers, gradients by layer, sweeps. */

import { Scale, Surface, drawAxes, inside } from "./chart.js";
import { mark } from "./marks.js";
import { told } from "./text.js";

const AROUND_CHART = { left: 52, right: 14, top: 26, bottom: 42 };
/** Of a row of `curves`: the loss of training, the penalty, the accuracy, those of the test. */
const WIDTH = 5, LOSS = 0, TEST_LOSS = 3;

export class Learning {
  constructor(canvas) {
    this.surface = new Surface(canvas);
  }

  begin(look) {
    this.surface.fit();
    this.surface.clear(look.paper);
    const { width, height, pen } = this.surface;
    const box = {
      left: AROUND_CHART.left, top: AROUND_CHART.top, width: width - AROUND_CHART.left - AROUND_CHART.right,
      height: height - AROUND_CHART.top - AROUND_CHART.bottom,
    };
    return { pen, box };
  }

  /** The losses of each side: training as a line, test as a dashed one. */
  drawLosses(sides, look) {
    const { pen, box } = this.begin(look);
    let [low, high, last] = [Infinity, -Infinity, 1];
    for (const { curves } of sides) {
      last = Math.max(last, curves.length / WIDTH);
      for (let k = 0; k < curves.length; k += WIDTH)
        for (const v of [curves[k + LOSS], curves[k + TEST_LOSS]])
          if (v > 0 && Number.isFinite(v)) [low, high] = [Math.min(low, v), Math.max(high, v)];
    }
    if (!(high > low)) [low, high] = [0.01, 1];
    const x = new Scale(0, last, box.left, box.left + box.width);
    const y = new Scale(low, high, box.top + box.height - 2, box.top + 2, true);
    drawAxes(pen, box, x, y, ["epoch", "loss: training —, test – –"], look);
    inside(pen, box, () => {
      for (const { curves, color } of sides)
        for (const [place, dash] of [[LOSS, []], [TEST_LOSS, [5, 4]]]) {
          pen.strokeStyle = color;
          pen.lineWidth = 1.7;
          pen.setLineDash(dash);
          pen.beginPath();
          // More epochs than pixels: one of each pixel is enough.
          const each = Math.max(1, Math.floor(last / (2 * box.width)));
          for (let k = 0; k < curves.length / WIDTH; k += each) {
            const v = curves[WIDTH * k + place];
            if (v > 0 && Number.isFinite(v)) pen.lineTo(x.at(k + 1), y.at(v));
          }
          pen.stroke();
        }
      pen.setLineDash([]);
    });
  }

  /** The share of answers in each bin, a row for each hidden layer. */
  drawHistograms(histograms, ranges, look) {
    const { pen, box } = this.begin(look), count = histograms.length;
    pen.fillStyle = look.quiet;
    pen.textAlign = "left";
    pen.textBaseline = "bottom";
    pen.fillText("what hidden layers answer", box.left - 44, box.top - 6);
    histograms.forEach((shares, k) => {
      const top = box.top + (k * (box.height + 20)) / count, tall = (box.height + 20) / count - 22;
      const highest = Math.max(...shares, 1e-9), wide = box.width / shares.length;
      pen.fillStyle = look.accent;
      shares.forEach((share, j) => {
        const h = (tall * share) / highest;
        pen.fillRect(box.left + j * wide, top + tall - h, Math.max(1, wide - 1), h);
      });
      pen.fillStyle = look.quiet;
      pen.textBaseline = "top";
      pen.textAlign = "left";
      pen.fillText(told(ranges[k][0]), box.left, top + tall + 3);
      pen.textAlign = "right";
      pen.fillText(told(ranges[k][1]), box.left + box.width, top + tall + 3);
      pen.fillText(`${k + 1}`, box.left - 8, top + tall / 2);
    });
  }

  /** The root mean square of each layer's gradient, on a log scale. */
  drawGradients(sides, look) {
    const { pen, box } = this.begin(look);
    const values = sides.flatMap(({ gradients }) => gradients).filter((v) => v > 0);
    const [low, high] = values.length ? [Math.min(...values) / 3, 3 * Math.max(...values)] : [1e-6, 1];
    const count = Math.max(...sides.map(({ gradients }) => gradients.length));
    const x = new Scale(0.5, count + 0.5, box.left, box.left + box.width);
    const y = new Scale(low, high, box.top + box.height - 2, box.top + 2, true);
    drawAxes(pen, box, { ...x, at: (v) => x.at(v), ticks: () => Array.from({ length: count }, (_, k) => k + 1) }, y,
      ["layer of weights", "gradient, root mean square"], look);
    inside(pen, box, () => {
      for (const { gradients, color, marker } of sides) {
        pen.strokeStyle = color;
        pen.lineWidth = 1.5;
        pen.beginPath();
        gradients.forEach((v, k) => v > 0 && pen.lineTo(x.at(k + 1), y.at(v)));
        pen.stroke();
        gradients.forEach((v, k) => v > 0 && mark(pen, x.at(k + 1), y.at(v), marker, 4.5, color, look.paper));
      }
    });
  }

  /** What each value of a setting came to: accuracies of all seeds, and their middle one. */
  drawSweep({ values, accuracy, seeds, setting, epochs }, look) {
    const { pen, box } = this.begin(look);
    const x = new Scale(-0.5, values.length - 0.5, box.left, box.left + box.width);
    const seen = Array.from(accuracy).filter((v) => Number.isFinite(v));
    const low = seen.length ? Math.min(0.5, ...seen) : 0;
    const y = new Scale(low, 1, box.top + box.height - 4, box.top + 4);
    const plain = { ...x, at: (v) => x.at(v), ticks: () => [] };
    drawAxes(pen, box, plain, y, [`${setting}, ${epochs} epochs, ${seeds} seeds`, "right answers on the test"], look);
    pen.textAlign = "center";
    pen.textBaseline = "top";
    values.forEach((value, k) => {
      const mine = Array.from(accuracy.subarray(k * seeds, (k + 1) * seeds)).filter((v) => Number.isFinite(v));
      pen.fillStyle = look.quiet;
      pen.fillText(value, x.at(k), box.top + box.height + 6);
      for (const v of mine) mark(pen, x.at(k), y.at(v), "o", 3, null, look.accent, 1.2);
      if (mine.length < seeds) {
        pen.fillText(`${seeds - mine.length} ∞`, x.at(k), box.top + box.height - 16);
      }
      if (!mine.length) return;
      mine.sort((a, b) => a - b);
      const middle = mine.length % 2 ? mine[mine.length >> 1] : (mine[mine.length / 2 - 1] + mine[mine.length / 2]) / 2;
      mark(pen, x.at(k), y.at(middle), "D", 5, look.accent, look.paper);
    });
  }
}
