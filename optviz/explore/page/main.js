/* The page: it is mounted into an element, over whatever brings texts there and bytes back. */

import { make } from "./elements.js";
import { Plane } from "./plane.js";
import { fromAddress } from "./settings.js";
import { Sharing } from "./sharing.js";
import { Link } from "./wire.js";

/** Fill `root`; the link, which wants what comes `received`. */
export function mount(root, send, { keepsAddress = true } = {}) {
  const link = new Link(send);
  root.classList.add("ov");
  const trouble = make("p", { class: "ov-error", role: "alert", hidden: true });
  root.replaceChildren(make("p", { class: "ov-waiting", role: "status" }, "optviz is starting …"), trouble);
  link.troubled = (error) => {
    trouble.textContent = error.message;
    trouble.hidden = false;
  };
  link.ask("offer").then(({ head }) => fill(root, trouble, link, head, keepsAddress), link.troubled);
  return link;
}

function fill(root, trouble, link, { offered, initial }, keepsAddress) {
  const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
  let name = initial.theme ?? (prefersDark.matches ? "dark" : "light");
  if (!(name in offered.themes)) name = "light";
  const lookOf = (theme) => ({ name: theme, ...offered.themes[theme] });
  const dress = (theme) => {
    const look = lookOf(theme);
    for (const part of ["paper", "ink", "quiet", "faint"]) root.style.setProperty(`--${part}`, look[part]);
    root.style.setProperty("color-scheme", look.dark ? "dark" : "light");
    root.classList.toggle("ov-dark", look.dark);
    return look;
  };
  const address = {
    address: (hash) => {
      if (keepsAddress) window.history.replaceState(null, "", hash);
    },
  };
  const given = (keepsAddress && fromAddress(window.location.hash)) || initial;
  const plane = new Plane(link, offered, given, dress(name), address);
  const sharing = new Sharing((what, body) => link.ask(what, body), () => plane.settings);
  const dark = make("button", { type: "button", "aria-pressed": String(name === "dark"), onclick: () => {
    name = name === "dark" ? "light" : "dark";
    dark.setAttribute("aria-pressed", String(name === "dark"));
    plane.setLook(dress(name));
  } }, "Dark");
  root.replaceChildren(
    make("header", { class: "ov-head" }, make("h1", {}, "optviz"), trouble,
      make("div", { class: "ov-tools" }, dark,
        make("button", { type: "button", onclick: () => sharing.open() }, "Share and save"))),
    make("main", {}, plane.element), sharing.dialog,
  );
  root.addEventListener("keydown", (event) => {
    const isField = event.target.closest("input, select, textarea, button, summary, dialog");
    if (isField || event.ctrlKey || event.metaKey || event.altKey) return;
    if (plane.key(event.key)) event.preventDefault();
  });
  if (keepsAddress) document.addEventListener("keydown", (event) => {
    if (event.target === document.body && plane.key(event.key)) event.preventDefault();
  });
  root.dispatchEvent(new CustomEvent("filled"));
  root.optviz = plane;
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
