/* Marks on paths: the second cue beside colour, by the letters that the pictures have for them. */

const SIDES = { s: 4, D: 4, "^": 3, v: 3, "<": 3, ">": 3, P: 4, X: 4, p: 5, h: 6, "*": 5, d: 4, 8: 8 };
const TURN = { s: Math.PI / 4, v: Math.PI / 2, "<": Math.PI, ">": 0, X: Math.PI / 4 };

/** A mark, with a rim that sets it off from what lies below. */
export function mark(pen, x, y, shape, size, fill, rim, width = 1.2) {
  const sides = SIDES[shape];
  pen.beginPath();
  if (!sides) pen.arc(x, y, size, 0, 2 * Math.PI);
  else {
    const isPointed = "PX*".includes(shape), count = isPointed ? 2 * sides : sides;
    const turn = TURN[shape] ?? -Math.PI / 2, narrow = shape === "d" ? 0.7 : 1;
    for (let k = 0; k < count; k++) {
      const r = size * (isPointed && k % 2 ? 0.45 : 1.25), a = turn + (2 * Math.PI * k) / count;
      pen.lineTo(x + narrow * r * Math.cos(a), y + r * Math.sin(a));
    }
    pen.closePath();
  }
  if (fill) {
    pen.fillStyle = fill;
    pen.fill();
  }
  if (rim) {
    pen.strokeStyle = rim;
    pen.lineWidth = width;
    pen.stroke();
  }
}

/** A path through points (n, 2), from one to another, on two linear scales. */
export function path(pen, points, from, to, x, y) {
  if (to <= from) return;
  const [fx, fy] = [x.factor, y.factor], [ox, oy] = [x.from - x.a * fx, y.from - y.a * fy];
  pen.beginPath();
  pen.moveTo(ox + fx * points[2 * from], oy + fy * points[2 * from + 1]);
  for (let k = from + 1; k <= to; k++) pen.lineTo(ox + fx * points[2 * k], oy + fy * points[2 * k + 1]);
  pen.stroke();
}
