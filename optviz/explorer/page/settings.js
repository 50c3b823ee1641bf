/* What is on the page, as the settings of `plot`: what a link, a file and a command line hold too. */

import { read, written } from "./text.js";

/** What the page shows unless told; the rest is left to the process. */
export const DEFAULTS = { on: "bowl", steps: 100, noise: 0, seed: 0, curve: "gap", view: "contour" };
/** Settings that the page has places for. */
const KNOWN = ["on", "bounds", "start", "steps", "noise", "seed", "curve", "view", "optimizers"];
/** What changes no path, and is the page's own to choose. */
const LOOK = ["theme", "size", "title", "subtitle", "font", "dpi", "transparent", "layout"];

/** The page's state from settings, of which every one may be missing. */
export function stateOf(settings) {
  const state = { ...DEFAULTS, bounds: null, start: null, optimizers: [], others: {} };
  for (const [key, value] of Object.entries(settings)) {
    if (value === null || value === undefined) continue;
    if (key === "optimizers") state.optimizers = [value].flat().map(read);
    else if (key === "start") state.start = [value].flat().map((p) => p.split(",").map(Number));
    else if (KNOWN.includes(key)) state[key] = value;
    else if (!LOOK.includes(key)) state.others[key] = value;
  }
  return state;
}

/** The settings of a state, as `plot` reads them. */
export function settingsOf(state, theme) {
  const settings = {
    ...state.others, on: state.on, steps: state.steps, noise: state.noise, seed: state.seed,
    curve: state.curve, view: state.view, optimizers: state.optimizers.map(written), theme,
  };
  if (state.bounds !== null) settings.bounds = state.bounds;
  if (state.start !== null) {
    const texts = state.start.map((point) => point.map(String).join(","));
    settings.start = texts.length === 1 ? texts[0] : texts;
  }
  // Beside nothing there is no curve.
  if (!state.optimizers.length) delete settings.curve;
  return settings;
}

/** What differs from the defaults: short, for the address. */
export function changedOf(state) {
  const settings = settingsOf(state, undefined);
  for (const [key, value] of Object.entries(DEFAULTS)) if (settings[key] === value) delete settings[key];
  return settings;
}

/** The address of a view with settings, which `fromAddress` restores. */
export function toAddress(view, settings) {
  return `#${view}:${encodeURIComponent(JSON.stringify(settings))}`;
}

/** The view that an address is of, or null: `#plane:…`, `#network:…`. */
export function viewOf(hash) {
  return /^#(\w+):/.exec(hash)?.[1] ?? null;
}

/** The settings that an address holds, or null. */
export function fromAddress(hash) {
  if (viewOf(hash) === null) return null;
  try {
    const settings = JSON.parse(decodeURIComponent(hash.slice(hash.indexOf(":") + 1)));
    return settings !== null && typeof settings === "object" && !Array.isArray(settings) ? settings : null;
  } catch {
    return null;
  }
}
