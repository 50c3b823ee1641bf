/* The page: it is mounted into an element, over whatever brings texts there and bytes back. */

import { make } from "./elements.js";
import { LossView } from "./losses.js";
import { NetworkView } from "./network.js";
import { Plane } from "./plane.js";
import { fromAddress, viewOf } from "./settings.js";
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
    Object.assign(this, { root, link, offered, initial, keepsAddress, views: {} });
    const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
    this.theme = initial.theme ?? (prefersDark.matches ? "dark" : "light");
    if (!(this.theme in offered.themes)) this.theme = "light";
    this.sharing = new Sharing((what, body) => link.ask(what, { view: this.name, ...body }), () => this.view.code,
      keepsAddress);
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
    this.show((keepsAddress && viewOf(window.location.hash)) || view);
    root.dispatchEvent(new CustomEvent("filled"));
  }

  get view() {
    return this.views[this.name];
  }

  show(name) {
    this.view?.setRunning?.(false);
    this.view?.setPlaying?.(false);
    this.name = name in VIEWS_OF_PAGE ? name : "plane";
    const [View] = VIEWS_OF_PAGE[this.name];
    const address = { address: (hash) => this.keep(hash) };
    if (!this.views[this.name]) {
      const given = (this.keepsAddress && viewOf(window.location.hash) === this.name && fromAddress(window.location.hash))
        || (this.name === "plane" ? this.initial : {});
      this.views[this.name] = new View(this.link, this.offered, given, this.look, address);
    } else if (this.view.look !== this.look) this.view.setLook(this.look);
    this.main.replaceChildren(this.view.element);
    this.view.paint();
    this.tabs.forEach((tab, k) =>
      tab.setAttribute("aria-pressed", String(Object.keys(VIEWS_OF_PAGE)[k] === this.name)));
    this.root.optviz = this.view;
  }

  keep(hash) {
    if (this.keepsAddress) window.history.replaceState(null, "", hash);
  }

  turn() {
    this.theme = this.theme === "dark" ? "light" : "dark";
    this.dress();
    this.view.setLook(this.look);
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
      const isField = event.target.closest?.("input, select, textarea, button, summary, dialog");
      if (isField || event.ctrlKey || event.metaKey || event.altKey) return;
      if (this.view.key(event.key)) event.preventDefault();
    };
    this.root.addEventListener("keydown", press);
    if (this.keepsAddress) document.addEventListener("keydown", (event) => {
      if (event.target === document.body) press(event);
    });
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
