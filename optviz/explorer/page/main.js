/* The page: it is mounted into an element, over whatever brings texts there and bytes back. */

import { make } from "./elements.js";
import { LossView } from "./losses.js";
import { NetworkView } from "./network.js";
import { Plane } from "./plane.js";
import { fromAddress, toAddress, viewOf } from "./settings.js";
import { Sharing } from "./sharing.js";
import { Link } from "./wire.js";

/** Fill `root`; the link, which wants what comes `received`. */
export function mount(root, send, { keepsAddress = true } = {}) {
  const link = new Link(send);
  root.classList.add("ov");
  root.classList.toggle("ov-cell", !keepsAddress);
  const trouble = make("p", { class: "ov-error", role: "alert", hidden: true });
  root.replaceChildren(make("p", { class: "ov-waiting", role: "status" }, "optviz is starting …"), trouble);
  link.troubled = (error) => {
    trouble.textContent = error.message;
    trouble.hidden = false;
  };
  link.ask("offer").then(({ head }) => new Page(root, trouble, link, head, keepsAddress), link.troubled);
  return link;
}

/** What each view is made by, and called. */
const VIEWS_OF_PAGE = {
  plane: [Plane, "Functions"], network: [NetworkView, "A network"], losses: [LossView, "Its losses"],
};

class Page {
  constructor(root, trouble, link, { offered, initial, view }, keepsAddress) {
    Object.assign(this, { root, trouble, link, offered, initial, keepsAddress, views: {}, chosen: null });
    const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
    this.theme = initial.theme ?? (prefersDark.matches ? "dark" : "light");
    if (!(this.theme in offered.themes)) this.theme = "light";
    this.sharing = new Sharing((what, body) => link.ask(what, { view: this.name, ...body }), {
      settings: () => this.view.code, plays: () => this.name === "plane",
      address: keepsAddress ? () => window.location.href.split("#")[0] + this.address : null,
    });
    this.main = make("main", {});
    this.dark = make("button", { type: "button", onclick: () => this.turn() }, "Dark");
    this.tabs = Object.entries(VIEWS_OF_PAGE).map(([name, [, title]]) =>
      make("button", { type: "button", onclick: () => this.show(name) }, title));
    root.replaceChildren(
      make("header", { class: "ov-head" }, make("h1", {}, "optviz"),
        make("nav", { class: "ov-tools ov-tabs", "aria-label": "Views" }, ...this.tabs), trouble,
        make("div", { class: "ov-tools" }, this.dark,
          make("button", { type: "button", onclick: () => this.sharing.open() }, "Share and save"))),
      this.main, this.sharing.dialog,
    );
    this.dress();
    this.listen();
    if (!keepsAddress || !this.follow(window.location.hash)) this.show(view);
    root.dispatchEvent(new CustomEvent("filled"));
  }

  get view() {
    return this.views[this.name];
  }

  show(name) {
    this.rest();
    this.name = name in VIEWS_OF_PAGE ? name : "plane";
    if (!this.views[this.name]) this.views[this.name] = this.made(this.name === "plane" ? this.initial : {});
    else {
      if (this.view.look !== this.look) this.view.setLook(this.look);
      this.keep();
    }
    this.main.replaceChildren(this.view.element);
    this.view.paint();
    this.tabs.forEach((tab, k) =>
      tab.setAttribute("aria-pressed", String(Object.keys(VIEWS_OF_PAGE)[k] === this.name)));
    this.root.optviz = this.view;
  }

  /** What is left behind does not go on. */
  rest() {
    this.view?.setRunning?.(false);
    this.view?.setPlaying?.(false);
  }

  made(given) {
    const [View] = VIEWS_OF_PAGE[this.name];
    return new View(this.link, this.offered, given, this.look, { changed: () => this.keep(), anew: () => this.anew() });
  }

  /** What an address holds; whether it holds anything. */
  follow(hash) {
    const name = viewOf(hash), given = fromAddress(hash);
    if (given === null || !(name in VIEWS_OF_PAGE)) return false;
    this.rest();
    this.trouble.hidden = true;
    if (given.theme in this.offered.themes && given.theme !== this.theme) {
      this.theme = this.chosen = given.theme;
      this.dress();
    }
    this.name = name;
    try {
      this.views[name] = this.made(given);
    } catch {
      // Values of another kind than the view can hold; what is only out of range the process refuses.
      this.views[name] = this.made({});
      this.trouble.textContent = "The address holds settings that cannot be read: these are the usual ones.";
      this.trouble.hidden = false;
    }
    this.show(name);
    return true;
  }

  anew() {
    delete this.views[this.name];
    this.show(this.name);
  }

  /** Where what is on the page is found again; colours if they were chosen here. */
  get address() {
    return toAddress(this.name, { ...this.view.changedSettings(), ...(this.chosen ? { theme: this.chosen } : {}) });
  }

  keep() {
    if (this.keepsAddress && this.view) window.history.replaceState(null, "", this.address);
  }

  turn() {
    this.theme = this.chosen = this.theme === "dark" ? "light" : "dark";
    this.dress();
    this.view.setLook(this.look);
    this.keep();
  }

  dress() {
    const look = { name: this.theme, ...this.offered.themes[this.theme] };
    for (const part of ["paper", "ink", "quiet", "faint"]) this.root.style.setProperty(`--${part}`, look[part]);
    this.root.style.setProperty("color-scheme", look.dark ? "dark" : "light");
    this.root.classList.toggle("ov-dark", look.dark);
    this.dark.setAttribute("aria-pressed", String(look.dark));
    this.look = look;
  }

  listen() {
    const press = (event) => {
      const { target, key } = event, isPressed = key === " " || key === "Enter";
      const isField = target.closest?.("input, select, textarea, dialog") || (isPressed && target.closest?.("button, summary"));
      if (isField || event.ctrlKey || event.metaKey || event.altKey) return;
      if (this.view.key(event.key)) event.preventDefault();
    };
    this.root.addEventListener("keydown", press);
    if (!this.keepsAddress) return;
    document.addEventListener("keydown", (event) => {
      if (event.target === document.body) press(event);
    });
    window.addEventListener("hashchange", () => this.follow(window.location.hash));
  }
}

/** The page of `optviz explore`: over a websocket. */
export function begin() {
  const root = document.getElementById("optviz");
  const socket = new WebSocket(`${window.location.href.split("#")[0].replace(/^http/, "ws")}live`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    const link = mount(root, (text) => socket.send(text));
    socket.onmessage = (event) => link.received(event.data);
    socket.onclose = () => {
      const why = "optviz explore has ended: start it again, then load this page's new address.";
      link.closed(why);
      link.troubled(new Error(why));
    };
  };
  socket.onerror = () => {
    if (socket.readyState !== WebSocket.OPEN) root.textContent = "optviz explore cannot be reached: has it ended?";
  };
}
