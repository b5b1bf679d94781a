"use strict";
// Filters and sorts the cells; without this script all of them are shown in order.
// What is folded is printed.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const part of opened) part.open = true;
});
addEventListener("afterprint", () => { for (const part of opened) part.open = false; });
(() => {
  const facts = JSON.parse(document.getElementById("facts").textContent);
  const box = document.getElementById("cards");
  const form = document.getElementById("filters");
  const more = document.getElementById("more");
  const count = document.getElementById("count");
  const printed = document.getElementById("printed");
  if (!facts.length) return;
  const cards = [...box.children];
  const page = 24;
  let limit = page;

  const answers = (cell, model) => (model === "" ? cell.answers : [cell.answers[+model]].filter(Boolean));
  const number = (answer, kind) => answer[kind].length;

  function fits(answer, kind, key) {
    const has = (name) => (key ? answer[name].includes(key) : answer[name].length > 0);
    if (kind === "contradicts") return answer.contradicts;
    if (kind === "clean") return !has("wrong") && !has("near") && !has("omitted") && has("right");
    if (kind) return has(kind);
    return !key || ["right", "near", "wrong", "unverifiable", "omitted"].some(has);
  }

  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1);
  const wrong = (cell, model) => mean(answers(cell, model).map((a) => number(a, "wrong") + 0.5 * number(a, "near")));
  const confidence = (cell, model) => mean(answers(cell, model).map((a) => a.confidence).filter((c) => c !== null));

  const orders = {
    id: (a, b) => a - b,
    worst: (a, b, m) => wrong(facts[b], m) - wrong(facts[a], m) || a - b,
    best: (a, b, m) => wrong(facts[a], m) - wrong(facts[b], m) || a - b,
    sure: (a, b, m) => confidence(facts[b], m) - confidence(facts[a], m) || a - b,
    unsure: (a, b, m) => confidence(facts[a], m) - confidence(facts[b], m) || a - b,
  };

  function show() {
    const asked = { model: "", source: "", ...Object.fromEntries(new FormData(form)) };
    const chosen = facts.map((_, index) => index).filter((index) => {
      const cell = facts[index];
      return (!asked.type || cell.type === asked.type) && (!asked.source || cell.source === asked.source)
        && answers(cell, asked.model).some((answer) => fits(answer, asked.kind, asked.key));
    });
    chosen.sort((a, b) => orders[asked.sort](a, b, asked.model));
    box.replaceChildren(...chosen.slice(0, limit).map((index) => cards[index]));
    count.textContent = `${chosen.length} of ${facts.length} cells` + (chosen.length > limit ? `, ${limit} shown` : "");
    more.hidden = chosen.length <= limit;
    printed.textContent = `${Math.min(limit, chosen.length)} of ${facts.length} cells are printed; the page has the others.`;
    printed.hidden = limit >= facts.length && chosen.length === facts.length;
  }

  form.hidden = false;
  form.addEventListener("change", () => { limit = page; show(); });
  form.addEventListener("reset", () => setTimeout(() => { limit = page; show(); }));
  more.addEventListener("click", () => { limit += page; show(); });
  show();
})();
