"use strict";
// Language, the tree of weights and its search. Text from a checkpoint enters the page as text nodes alone.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const words = read("words");
  const root = document.documentElement;

  function element(tag, className, ...children) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    made.append(...children);
    return made;
  }

  function say(node, key, ...values) {
    node.dataset.t = key;
    if (values.length) node.dataset.a = JSON.stringify(values);
    else delete node.dataset.a;
    const values_of = (text) => text.replace(/\{(\d)\}/g, (_, index) => values[index]);
    node.textContent = values_of(words[key][root.lang === "en" ? "en" : "zh"]);
    return node;
  }

  const said = (tag, className, key, ...values) => say(element(tag, className), key, ...values);
  const number = (value) => value.toLocaleString("en");

  // -- language

  function speak(language) {
    root.lang = language === "en" ? "en" : "zh-CN";
    for (const node of document.querySelectorAll("[data-t]"))
      say(node, node.dataset.t, ...JSON.parse(node.dataset.a || "[]"));
    for (const node of document.querySelectorAll("[data-zh]")) node.textContent = node.dataset[language];
    for (const node of document.querySelectorAll("[data-placeholder]"))
      node.placeholder = words[node.dataset.placeholder][language];
    for (const button of document.querySelectorAll("[data-language]"))
      button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
  for (const button of document.querySelectorAll("[data-language]"))
    button.addEventListener("click", () => speak(button.dataset.language));

  // What is folded away is printed too
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details.prints:not([open])")];
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of closed) one.open = false;
  });

  if (!document.getElementById("weights-data")) return;

  // -- weights: nodes are [[label, reference]…]; a label is a word or runs [[first, last, step]…]; below 0 is ~kind

  const { nodes, kinds, rules, checks, findings, ranks, known, root: top } = read("weights-data");
  const RULE = 0, IS_SCALE = 1, DTYPE = 2, SHAPE = 3;
  const PAGE = 100;
  const counts = [];
  const countOf = (reference) => (reference < 0 ? 1 : counts[reference]);
  const sizeOf = (label) =>
    typeof label === "string" ? 1 : label.reduce((sum, [a, b, step]) => sum + (b - a) / step + 1, 0);
  for (const node of nodes)
    counts.push(node.reduce((sum, [label, reference]) => sum + sizeOf(label) * countOf(reference), 0));

  function* piecesOf(label) {
    if (typeof label === "string") yield label;
    else for (const [a, b, step] of label) for (let n = a; n <= b; n += step) yield String(n);
  }

  function textOf(label) {
    if (typeof label === "string") return label;
    const run = ([a, b, step]) => (a === b ? `${a}` : step === 1 ? `${a}…${b}` : `${a}, ${a + step} … ${b}`);
    const text = label.map(run).join(", ");
    return sizeOf(label) > 1 ? `{${text}}` : text;
  }

  const shapeText = (shape) => `[${shape.join(", ")}]`;
  let size = ranks.length ? ranks.length - 1 : -1;

  function heldText(kind) {
    const rule = rules[kind[RULE]];
    const prefix = `TP ${ranks[size]}: `;
    if (!rule.parts.length || !rule.shape.length) return prefix + shapeText(kind[SHAPE]);
    const held = rule.parts.map((part) => part.held[size]);
    if (held.includes(null)) return `${prefix}✗`;
    return prefix + shapeText(rule.shape.map((n, axis) => (axis === rule.axis ? held.reduce((a, b) => a + b, 0) : n)));
  }

  const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const patterns = new Map();

  function targetOf(name, kind) {
    const rule = rules[kind[RULE]];
    if (!rule || !rule.target) return "";
    const source = kind[IS_SCALE] ? rule.scale : rule.source;
    if (!patterns.has(source)) {
      const pieces = source.split(/\{(\w+)\}/);
      const text = pieces.map((piece, i) => (i % 2 ? String.raw`(\{[^}]*\}|\d+)` : escaped(piece))).join("");
      patterns.set(source, [new RegExp(`^${text}$`), pieces.filter((_, i) => i % 2)]);
    }
    const [pattern, captures] = patterns.get(source);
    const found = pattern.exec(name);
    if (!found) return rule.target;
    return rule.target.replace(/\{(\w+)\}/g, (whole, word) => found[captures.indexOf(word) + 1] ?? whole);
  }

  const failing = (rule) => findings.filter((one) => rule && one.rule === rule.source);

  function stateOf(kind) {
    const rule = rules[kind[RULE]];
    if (!rule) return known ? "unrouted" : "unknown";
    if (failing(rule).length) return "wrong";
    return rule.target ? "routed" : "ignored";
  }

  function row(key, ...values) {
    const value = element("dd", "", ...values);
    return [said("dt", "", key), value];
  }

  const code = (text) => element("code", "", text);

  function card(name, kind) {
    const rule = rules[kind[RULE]];
    const list = element("dl", "card");
    list.append(...row("tensor", code(name)), ...row("on_disk", code(`${kind[DTYPE]} ${shapeText(kind[SHAPE])}`)));
    if (!rule) {
      list.append(...row("rule", known ? said("span", "bad", "no_rule") : said("span", "muted", "goes_unknown")));
      return list;
    }
    list.append(...row("rule", code(rule.source)));
    if (!rule.target) list.append(...row("left_out", rule.reason));
    else {
      list.append(...row("parameter", code(targetOf(name, kind))));
      if (kind[IS_SCALE]) list.append(...row("transform", said("span", "", "is_scale")));
      else {
        if (rule.transform) list.append(...row("transform", rule.transform));
        list.append(...row("per_rank", held(rule)));
      }
    }
    list.append(...row("proved_by", proofOf(rule)));
    return list;
  }

  function held(rule) {
    const table = element("table", "held");
    const head = element("tr", "", said("th", "", "shard"), said("th", "", "split"));
    for (const tp of ranks) head.append(element("th", "", `TP ${tp}`));
    table.append(element("thead", "", head), element("tbody", ""));
    for (const part of rule.parts) {
      const line = element("tr", "", element("td", "", code(part.shard || "–")), element("td", "", part.split));
      for (const one of part.held) {
        const shape = rule.shape.map((n, axis) => (axis === rule.axis ? one : n));
        line.append(one === null ? said("td", "bad", "misfit") : element("td", "", code(shapeText(shape))));
      }
      table.tBodies[0].append(line);
    }
    return element("div", "scrolls", table);
  }

  function proofOf(rule) {
    const found = failing(rule);
    const line = element("span", "checks");
    for (const [name, about] of Object.entries(checks)) {
      const is_wrong = found.some((one) => about.includes(one.kind));
      const mark = element("span", is_wrong ? "check bad" : "check good", is_wrong ? "✗ " : "✓ ");
      mark.append(said("span", "", `check_${name}`));
      line.append(mark, " ");
    }
    for (const one of found) line.append(element("span", "finding", `${one.kind}: ${one.says}; ${one.mends}`));
    return line;
  }

  function leaf(shown, name, kindIndex) {
    const kind = kinds[kindIndex];
    const state = stateOf(kind);
    const rule = rules[kind[RULE]];
    const shards = rule && !kind[IS_SCALE] ? rule.parts.map((part) => part.shard).filter(Boolean).join("+") : "";
    const summary = element("summary", `leaf ${state}`, element("span", "name", shown));
    summary.append(" ", element("span", "dtype", kind[DTYPE]), " ", element("span", "shape", shapeText(kind[SHAPE])));
    if (rule && rule.target) {
      summary.append(" ", element("span", "target", `→ ${targetOf(name, kind)}`));
      if (shards) summary.append(" ", element("span", "shard", shards));
      if (size >= 0 && !kind[IS_SCALE]) {
        const perRank = element("span", "per-rank", heldText(kind));
        perRank.dataset.kind = kindIndex;
        summary.append(" ", perRank);
      }
    } else if (known) summary.append(" ", said("span", rule ? "muted" : "bad", rule ? "left_out" : "no_rule"));
    return lazily(summary, () => [card(name, kind)]);
  }

  // A part that is made when it is opened first
  const makers = new WeakMap();

  function fill(details) {
    const make = makers.get(details);
    if (!make || !details.open) return;
    makers.delete(details);
    details.append(...make());
  }

  function lazily(summary, make) {
    const details = element("details", "", summary);
    makers.set(details, make);
    details.addEventListener("toggle", () => fill(details));
    return details;
  }

  // Filled at once: the event comes later than the next key of a fast typist
  function open(details) {
    details.open = true;
    fill(details);
  }

  // What has one child alone is one line with it
  function branch(label, reference, beginning) {
    let shown = textOf(label);
    while (reference >= 0 && sizeOf(label) === 1 && nodes[reference].length === 1) {
      const [[next, below]] = nodes[reference];
      if (sizeOf(next) !== 1) break;
      shown += `.${textOf(next)}`;
      reference = below;
    }
    if (reference < 0) return leaf(shown, beginning + shown, ~reference);
    const summary = element("summary", "", element("span", "name", shown));
    const many = sizeOf(label);
    if (many > 1) summary.append(" ", said("span", "alike", "alike", number(many)));
    summary.append(" ", said("span", "muted", "tensors", number(many * counts[reference])));
    return lazily(summary, () => {
      const made = children(reference, `${beginning}${shown}.`);
      if (many > 1) made.unshift(singly(label, reference, beginning));
      return made;
    });
  }

  // What is folded, one by one
  function singly(label, reference, beginning) {
    const summary = element("summary", "singly", said("span", "", "one_by_one", number(sizeOf(label))));
    return lazily(summary, () => [...piecesOf(label)].map((piece) => branch(piece, reference, beginning)));
  }

  const children = (reference, beginning) =>
    nodes[reference].map(([label, below]) => branch(label, below, beginning));

  const tree = document.getElementById("tree");
  if (top >= 0) tree.append(...children(top, ""));
  for (const node of tree.querySelectorAll(":scope > details:not(:has(> .leaf))"))
    if (tree.childElementCount < 4) open(node);

  // Arrow keys, as in other trees
  tree.addEventListener("keydown", (event) => {
    const summary = event.target.closest("summary");
    if (!summary) return;
    const visible = [...tree.querySelectorAll("summary")].filter((one) => one.offsetParent !== null);
    const at = visible.indexOf(summary), details = summary.parentElement;
    const above = details.parentElement.closest("details");
    const steps = {
      ArrowDown: () => visible[at + 1],
      ArrowUp: () => visible[at - 1],
      Home: () => visible[0],
      End: () => visible[visible.length - 1],
      ArrowRight: () => (details.open ? visible[at + 1] : void open(details)),
      ArrowLeft: () => (details.open ? void (details.open = false) : above && above.firstElementChild),
    };
    if (!Object.hasOwn(steps, event.key)) return;
    event.preventDefault();
    const next = steps[event.key]();
    if (next) next.focus();
  });

  const chooser = document.getElementById("ranks");
  if (chooser) {
    chooser.selectedIndex = size;
    chooser.addEventListener("change", () => {
      size = chooser.selectedIndex;
      for (const one of document.querySelectorAll(".per-rank")) one.textContent = heldText(kinds[one.dataset.kind]);
    });
  }

  // -- search: every word has to be in a tensor's name, or in what it has in common with others of its kind

  let names = null, lower = null, kindOf = null;

  function unfold() {
    if (names) return;
    [names, lower, kindOf] = [[], [], []];
    const walk = (reference, beginning) => {
      for (const [label, below] of nodes[reference])
        for (const piece of piecesOf(label)) {
          if (below >= 0) walk(below, `${beginning}${piece}.`);
          else {
            names.push(beginning + piece);
            lower.push((beginning + piece).toLowerCase());
            kindOf.push(~below);
          }
        }
    };
    if (top >= 0) walk(top, "");
  }

  const common = kinds.map((kind) => {
    const rule = rules[kind[RULE]] || { source: "", target: "", reason: "", parts: [] };
    const shards = rule.parts.map((part) => part.shard).join(" ");
    return [rule.target, rule.reason, shards, kind[DTYPE], shapeText(kind[SHAPE]), stateOf(kind)].join(" ").toLowerCase();
  });

  let before = { query: "", found: null };

  function find(query) {
    unfold();
    const terms = query.toLowerCase().split(/\s+/).filter(Boolean);
    const narrows = before.found && before.query && query.startsWith(before.query);
    let found = narrows ? before.found : null;
    for (const term of terms) {
      const of_kind = common.map((text) => text.includes(term));
      const next = [];
      const keep = (i) => {
        if (of_kind[kindOf[i]] || lower[i].includes(term)) next.push(i);
      };
      if (found) found.forEach(keep);
      else for (let i = 0; i < lower.length; i++) keep(i);
      found = next;
    }
    before = { query, found };
    return found || [];
  }

  const field = document.getElementById("search");
  const results = document.getElementById("results");
  const outcome = document.getElementById("found");

  function show(found, from) {
    const more = results.querySelector("button");
    if (more) more.remove();
    const part = found.slice(from, from + PAGE);
    results.append(...part.map((i) => leaf(names[i], names[i], kindOf[i])));
    if (from + PAGE >= found.length) return;
    const button = said("button", "more", "show_more", number(Math.min(PAGE, found.length - from - PAGE)));
    button.type = "button";
    button.addEventListener("click", () => show(found, from + PAGE));
    results.append(button);
  }

  function search() {
    const started = performance.now();
    const query = field.value.trim();
    results.replaceChildren();
    tree.hidden = query !== "";
    results.hidden = query === "";
    if (query) {
      const found = find(query);
      say(outcome, "found", number(found.length), number(names.length));
      show(found, 0);
    } else say(outcome, "tensors", number(top >= 0 ? counts[top] : 0));
    outcome.dataset.milliseconds = (performance.now() - started).toFixed(1);
  }
  field.addEventListener("input", search);
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !field.value) return;
    event.preventDefault();
    field.value = "";
    search();
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    event.preventDefault();
    field.focus();
  });
  search();
  (window.requestIdleCallback || setTimeout)(unfold);
})();
