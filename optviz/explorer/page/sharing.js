/* What is on the page as a command line, Python code, a file, a link. */

import { make } from "./elements.js";

const FILES = [["png", "PNG"], ["svg", "SVG"], ["pdf", "PDF"], ["gif", "GIF, it moves"], ["mp4", "MP4, it moves"],
  ["html", "page, it plays"]];

/** A dialog; `ask` asks the process, `settings` gives what is on the page, `address` leads there
 * (a cell has none), and `plays` says whether it plays as a page. */
export class Sharing {
  constructor(ask, { settings, address, plays }) {
    Object.assign(this, { ask, settings, address, plays });
    this.said = make("p", { role: "status", class: "ov-small" });
    this.texts = Object.fromEntries([["command", "Command line"], ["python", "Python"], ["spec", "Specification"],
      ["link", "Link, as long as this server runs"]].map(([name, label]) => [name, this.text(name, label)]));
    this.saves = FILES.map(([suffix, label]) =>
      make("button", { type: "button", onclick: () => this.save(suffix) }, label));
    this.dialog = make("dialog", { class: "ov-dialog", "aria-label": "Share and save" },
      make("div", { class: "ov-row" }, make("h2", {}, "Share and save"),
        make("button", { type: "button", onclick: () => this.dialog.close() }, "Close")),
      ...Object.entries(this.texts).filter(([name]) => address || name !== "link").map(([, { row }]) => row),
      make("p", {}, "Files carry what made them: ", make("code", {}, "optviz replay FILE"), " makes them again."),
      make("div", { class: "ov-files", role: "group", "aria-label": "Save as" }, ...this.saves), this.said);
  }

  text(name, label) {
    const area = make("textarea", { readonly: true, rows: name === "python" ? 5 : 2, spellcheck: "false", "aria-label": label });
    const copy = make("button", { type: "button", "aria-label": `Copy: ${label}`, onclick: () => this.copy(area, label) }, "Copy");
    return { area, row: make("div", { class: "ov-text" }, make("span", { "aria-hidden": "true" }, label), area, copy) };
  }

  async open() {
    this.said.textContent = "";
    this.dialog.showModal();
    this.saves.at(-1).hidden = !this.plays();
    const put = (told) => Object.entries(this.texts).forEach(([name, { area }]) => { area.value = told[name] ?? ""; });
    put({ command: "…", python: "…", spec: "…" });
    try {
      const { head } = await this.ask("code", { settings: this.settings() });
      put({ ...head, link: this.address?.() });
    } catch (error) {
      put({});
      this.said.textContent = error.message;
    }
  }

  async copy(area, label) {
    try {
      await navigator.clipboard.writeText(area.value);
    } catch {
      // Without leave for the clipboard the text is at least marked.
      area.select();
      this.said.textContent = "Marked: copy it with the keyboard.";
      return;
    }
    this.said.textContent = `Copied: ${label.toLowerCase()}.`;
  }

  async save(suffix) {
    this.said.textContent = `Making ${suffix.toUpperCase()} …`;
    try {
      const { head, arrays } = await this.ask("file", { settings: this.settings(), file: suffix });
      const address = URL.createObjectURL(new Blob([arrays.data]));
      make("a", { href: address, download: head.name }).click();
      setTimeout(() => URL.revokeObjectURL(address), 10000);
      this.said.textContent = `Saved as ${head.name}.`;
    } catch (error) {
      this.said.textContent = error.message;
    }
  }
}
