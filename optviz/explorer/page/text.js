/* Numbers and optimizers as texts: the same that the command line takes. */

/** A number to so many digits, with a true minus sign: 0.0125, 1.2e−5. */
export function told(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e5)
    ? value.toExponential(digits - 1).replace(/\.?0+e/, "e").replace(/e([+-])(\d)$/, "e$10$2").replace("e+", "e")
    : String(Number(value.toPrecision(digits)));
  return text.replaceAll("-", "−");
}

/** A point: (1, 1.5). */
export function toldPoint(point, digits = 4) {
  return `(${Array.from(point, (v) => told(v, digits)).join(", ")})`;
}

/** The parts of a text at commas that stand in no bracket or quote. */
export function split(text) {
  const parts = [];
  let depth = 0, quote = "", part = "";
  for (const letter of text) {
    if (quote) quote = letter === quote ? "" : quote;
    else if (letter === '"' || letter === "'") quote = letter;
    else if ("([".includes(letter)) depth += 1;
    else if (")]".includes(letter)) depth -= 1;
    if (letter === "," && depth === 0 && !quote) {
      parts.push(part);
      part = "";
    } else part += letter;
  }
  return [...parts, part].map((p) => p.trim()).filter((p) => p !== "");
}

const FOREIGN = ["torch", "keras", "optax", "scipy"];

/** An optimizer's text taken apart: {name, settings: {key: text}}; foreign ones have two names. */
export function read(text) {
  const [first, ...rest] = text.split(":");
  const isForeign = FOREIGN.includes(first.trim().toLowerCase()) && rest.length > 0;
  const name = isForeign ? `${first}:${rest.shift()}` : first;
  const settings = {};
  let key = "";
  for (const part of split(rest.join(":"))) {
    const at = part.indexOf("=");
    // What has no name is another value of the one before it: lr=0.1,0.5.
    if (at > 0) settings[(key = part.slice(0, at).trim())] = part.slice(at + 1).trim();
    else if (key) settings[key] += `,${part}`;
  }
  return { name: name.trim(), settings };
}

/** The text again. */
export function written({ name, settings }) {
  const parts = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
  return parts.length ? `${name}:${parts.join(",")}` : name;
}
