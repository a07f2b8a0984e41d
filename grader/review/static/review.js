// Keys, and pages that change in place: a key that is pressed while the server answers is kept, and
// counts for the page that comes, unless that one says that something was not done.
"use strict";

const held = [];
let busy = false;

const find = (what) => document.querySelector(what);
const all = (what) => [...document.querySelectorAll(what)];
const say = (text) => { find("#said").textContent = text; };
const number = (text) => Number.parseFloat(String(text).replace(",", "."));

async function load(url, options, push = true) {
  if (busy) return;
  busy = true;
  document.body.setAttribute("aria-busy", "true");
  let well = false;
  try {
    const answer = await fetch(url, options);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const main = page.querySelector("main");
    well = answer.ok;
    if (!main) throw new Error("no page");
    if (answer.ok || main.querySelector("#give")) {
      find("main").replaceWith(document.adoptNode(main));
      find(".tools").replaceWith(document.adoptNode(page.querySelector(".tools")));
      document.title = page.title;
      if (push) history.pushState(null, "", answer.url);
      scrollTo(0, 0);
      say("");
      ready();
    } else {
      say(main.textContent.trim());
    }
  } catch {
    say("Not saved: the server does not answer. What you typed is still here.");
  }
  busy = false;
  document.body.removeAttribute("aria-busy");
  if (!well && held.length) {
    say(`${find("#said").textContent} Keys pressed meanwhile were dropped.`.trim());
    held.length = 0;
  }
  if (find("#sure")) held.length = 0; // what was typed ahead has not seen whose points move
  while (held.length && !busy) act(held.shift());
}

function ready() {
  if (document.activeElement && document.activeElement !== document.body) document.activeElement.blur();
  if (find("#give")) mark();
  else choose(all("a.row").findIndex((row) => !row.closest("tr.done")));
}

function mark() {
  const points = number(find("#give [name=points]").value);
  for (const level of all("[data-points]")) {
    level.setAttribute("aria-pressed", String(number(level.dataset.points) === points));
  }
  const count = find("#count");
  if (count) {
    const ticked = all("[name=who][type=checkbox]:checked").length;
    count.textContent = `${ticked} of ${all("[name=who][type=checkbox]").length} more`;
  }
}

function give(points) {
  find("#give [name=points]").value = String(Math.round(points * 1e4) / 1e4);
  mark();
}

function half(step) {
  const field = find("#give [name=points]");
  give(Math.min(Math.max((number(field.value) || 0) + step, 0), number(field.dataset.most)));
}

// All equal answers that nobody has decided, similar ones too, this one alone, and again.
function group() {
  const boxes = all("[name=who][type=checkbox]");
  const on = (kind) => boxes.some((box) => box.checked && box.dataset.alike === kind);
  const has = (kind) => boxes.some((box) => box.dataset.alike === kind);
  const wanted = on("similar") ? [] : on("equal") || !has("equal") ? ["equal", "similar"] : ["equal"];
  const next = wanted.length === 2 && !has("similar") ? [] : wanted;
  const decided = boxes.filter((box) => box.checked && box.dataset.given).length > 0;
  for (const box of boxes) {
    box.checked = next.includes(box.dataset.alike) && (decided || !box.dataset.given);
  }
  mark();
}

function choose(index) {
  const rows = all("a.row");
  rows[Math.min(Math.max(index, 0), rows.length - 1)]?.focus();
}

function along(step) {
  const at = all("a.row").indexOf(document.activeElement);
  choose(at + step);
}

function press(what) {
  const found = find(what);
  if (found) found.click();
}

// Whoever types ahead has not seen that somebody else was first: then no key decides, until one says so.
function act(key) {
  const form = find("#give:not([data-rest])");
  if (key.key === "r" && find("#give[data-rest]")) {
    find("#give").removeAttribute("data-rest");
    say("");
    return true;
  }
  if (key.key === "Enter" && find("#give[data-rest]")) return true;
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(key.code);
  if (key.key === "?") find("#help").toggleAttribute("open");
  else if (form && digit && key.shift) press(`.notes li:nth-child(${digit[1]}) [data-note]`);
  else if (form && digit) press(`.levels button:nth-child(${Number(digit[1]) + 1})`);
  else if (form && key.key === "f") give(number(find("#give [name=points]").dataset.most));
  else if (form && key.key === "+") half(0.5);
  else if (form && key.key === "-") half(-0.5);
  else if (form && key.key === "p") find("#give [name=points]").select();
  else if (form && key.key === "m") find("#give [name=note]").focus();
  else if (form && key.key === "g") group();
  else if (form && key.key === "a") press("#give [name=everybody]");
  else if (form && key.key === "Enter") send();
  else if (find("a.row") && (key.key === "j" || key.key === "k")) along(key.key === "j" ? 1 : -1);
  else if (find("a.row") && key.key === "n") press("tr:not(.done) a.row");
  else if (key.key === "Enter") press("a.row:focus");
  else if (/^[a-z]$/.test(key.key)) press(`[data-key="${key.key}"]`);
  else return false;
  return true;
}

function send() {
  if (find("#give [name=points]").value.trim() === "") say("Choose points first.");
  else find("#give").requestSubmit();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const field = event.target.closest("textarea, input:not([type=checkbox])");
  if (field) {
    if (event.key === "Escape") field.blur();
    else if (event.key === "Enter" && !event.shiftKey && field.closest("#give")) send();
    else return;
    event.preventDefault();
    return;
  }
  // A focused button, link or summary answers to Enter by itself; the form's own do what Enter does.
  if (event.key === "Enter" && event.target.closest("a, summary, .tools button, .invite button")) return;
  const key = { key: event.key, code: event.code, shift: event.shiftKey };
  if (busy) {
    held.push(key);
    event.preventDefault();
  } else if (act(key)) event.preventDefault();
});

document.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  const field = find("#give [name=points]");
  if (form.id === "give") field.blur();
  load(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
});

document.addEventListener("click", (event) => {
  const level = event.target.closest("[data-points]");
  const note = event.target.closest("[data-note]");
  const link = event.target.closest("a[href]");
  if (level) give(number(level.dataset.points));
  if (note) find("#give [name=note]").value = note.dataset.note;
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    load(link.href);
  }
});

document.addEventListener("input", () => { if (find("#give")) mark(); });
document.addEventListener("change", () => { if (find("#give")) mark(); });
addEventListener("popstate", () => load(location.href, undefined, false));
ready();
