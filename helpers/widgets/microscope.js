// 汉字显微镜：字符、字节、词元对齐着看；选一个词元，它那一段从字节一步一步合起来
import {h, words, chip, button, field, tabs, pause, desk} from "./view.js";

export function show(root, source, given) {
  const table = desk(root);
  let first = null;  // 第一段文字切开以后
  let second = null;  // 另一段，没有就是 null
  let at = 0;  // 选中第几个词元
  let within = 0;  // 它是自己那一段的第几个
  let merges = {obstacle: null, steps: []};
  let step = 0;
  let playing = null;  // 正在放的这一遍

  // ---- 切开的文字 ----

  function laid(cut) {
    const pieces = [];
    cut.segments.forEach((segment, place) => {
      for (const piece of segment) pieces.push({...piece, place});
    });
    const letters = [...cut.text];
    const bytes = letters.reduce((sum, letter) => sum + size(letter), 0);
    return {...cut, pieces, letters, bytes};
  }

  function size(text) {
    return new TextEncoder().encode(text).length;
  }

  function counts(cut) {
    const share = (cut.pieces.length / cut.letters.length).toFixed(2);
    return `${cut.letters.length} 个字符 → ${cut.bytes} 个字节 → ${cut.pieces.length} 个词元，每个字符 ${share} 个`;
  }

  // ---- 做的事 ----

  async function read() {
    const cut = laid(await source.cut(text.input.value));
    const other = compare.input.value ? laid(await source.cut(compare.input.value)) : null;
    first = cut;
    second = other;
    at = Math.min(at, first.pieces.length - 1);
    draw_tokens();
    await look();
    const typed = [...text.input.value].length;
    if (typed !== first.letters.length) {
      return `分词器先做 NFC 规范化，这段文字变了：打进来 ${typed} 个字符，变成 ${first.letters.length} 个`;
    }
  }

  // 看选中的词元：它的合并、邻居、是不是半个字
  async function look() {
    const chosen = first.pieces[at];
    const segment = first.segments[chosen.place].map((piece) => piece.id);
    merges = await source.merges(segment);
    step = Math.max(0, merges.steps.length - 1);
    draw_facts(chosen);
    draw_near(chosen, await source.near(chosen.id));
    draw_letters();
    within = first.pieces.slice(0, at).filter((piece) => piece.place === chosen.place).length;
    draw_stage(within);
  }

  async function choose(place) {
    playing = null;
    at = place;
    draw_tokens();
    await look();
    return `选了第 ${place + 1} 个词元：${first.pieces[place].label}`;
  }

  function go(number) {
    step = Math.min(Math.max(0, number), merges.steps.length - 1);
    draw_stage();
  }

  // 从字节起，一步一步地合；再按一次就停
  async function play() {
    if (playing) {
      playing = null;
      draw_stage();
      return;
    }
    const mine = {};
    playing = mine;
    const steps = merges.steps;
    go(step === steps.length - 1 ? 0 : step);
    while (playing === mine && merges.steps === steps && step < steps.length - 1) {
      draw_stage();
      await pause(800);
      if (playing === mine && merges.steps === steps) go(step + 1);
    }
    if (playing === mine) playing = null;
    draw_stage();
  }

  // ---- 画 ----

  const text = field("文字", given.text, () => table.latest(read), {size: 26});
  const compare = field("另一段", "", () => table.latest(read), {size: 20, placeholder: "空着就不比较"});
  const samples = h("div", {class: "samples"}, h("span", {}, "试试："));
  for (const sample of given.samples) {
    samples.append(button(sample, "看这一段", () => {
      text.input.value = sample;
      table.run(read);
    }));
  }
  const tokens = h("div", {class: "tokens"});
  const others = h("div", {class: "tokens"});
  const facts = h("p", {class: "facts"});
  const stage = h("div", {class: "stage"});
  const near = h("div", {class: "tokens"});
  const letters = h("div", {tabindex: "0"});
  root.append(
    h("div", {class: "top"}, text, compare, samples),
    tokens, others, facts, table.message,
    tabs({"从字节合起": stage, "词表里的邻居": near, "字符": letters}));
  table.run(read);

  function draw_tokens() {
    const chips = first.pieces.slice(0, given.most).map((piece, place) => chip(piece, place, {
      class: place === at ? "chosen" : "", "data-wait": true, "aria-pressed": place === at,
      title: `第 ${place + 1} 个词元，字节 ${piece.hex}`, onclick: () => table.run(() => choose(place))}));
    tokens.replaceChildren(...chips, left(first), h("div", {class: "faint"}, counts(first)));
    others.hidden = !second;
    if (!second) return;
    const plain = second.pieces.slice(0, given.most).map((piece, place) => chip(piece, place));
    others.replaceChildren(...plain, left(second), h("div", {class: "faint"}, `另一段：${counts(second)}`));
  }

  function left(cut) {
    const hidden = cut.pieces.length - given.most;
    return hidden > 0 ? `……还有 ${hidden} 个词元没有画` : "";
  }

  function draw_facts(chosen) {
    const segment = first.segments[chosen.place];
    const count = chosen.hex ? chosen.hex.split(" ").length : 0;
    facts.replaceChildren(h("b", {}, "▶ ", words(chosen.label)), `　编号 ${chosen.id}，${count} 个字节，${whole(chosen)}；`,
      `在第 ${chosen.place + 1} 段（共 ${first.segments.length} 段），这一段 ${segment.length} 个词元`);
  }

  // 这个词元是整个的字符，还是半个字
  function whole(chosen) {
    if (chosen.special) return "附加词元，是一个整体";
    const start = first.pieces.slice(0, at).reduce((sum, piece) => sum + width(piece), 0);
    const stop = start + width(chosen);
    let begin = 0;
    let count = 0;
    const halves = [];
    for (const letter of first.letters) {
      const end = begin + size(letter);
      if (begin < stop && end > start) {
        const from = Math.max(start, begin) - begin + 1;
        const to = Math.min(stop, end) - begin;
        if (to - from + 1 < end - begin) halves.push(`\u2068${letter}\u2069 的第 ${from === to ? from : `${from}–${to}`} 个字节（共 ${end - begin} 个）`);
        count += 1;
      }
      begin = end;
    }
    return halves.length ? `有半个字：${halves.join("，")}` : `完整的 ${count} 个字符`;
  }

  function width(piece) {
    return piece.hex ? piece.hex.split(" ").length : 0;
  }

  function draw_near(chosen, found) {
    near.replaceChildren(...found.map((piece, place) => chip(piece, place, {
      class: piece.id === chosen.id ? "chosen" : "", title: `字节 ${piece.hex}`})),
    h("div", {class: "faint"}, "编号挨着的词元；有框的是选中的。编号小的，合并得早，多半常用"));
  }

  function draw_letters() {
    const rows = first.letters.slice(0, 200).map((letter) => h("tr", {},
      h("td", {}, words(letter)), h("td", {}, code(letter)), h("td", {}, hex(letter))));
    const more = first.letters.length > 200 ? h("p", {}, `还有 ${first.letters.length - 200} 个字符没有列出`) : "";
    letters.replaceChildren(h("table", {}, h("tr", {}, ...["字符", "码位", "UTF-8 字节"].map((name) => h("th", {}, name))), ...rows), more);
  }

  function code(letter) {
    return `U+${letter.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  }

  function hex(letter) {
    return [...new TextEncoder().encode(letter)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  }

  // 三行对齐：字符，字节，现在的块；每个字节占一列，块占它的几列；太长时左右滚动，让第 middle 块在中间（不说就是刚合成的）
  function draw_stage(middle = merges.steps[step]?.at) {
    if (merges.obstacle) {
      stage.replaceChildren(h("p", {}, merges.obstacle));
      return;
    }
    const now = merges.steps[step];
    const last = merges.steps.length - 1;
    const bytes = merges.steps[0].parts;
    const grid = h("div", {class: "grid", style: `grid-template-columns:repeat(${bytes.length}, minmax(2.4em, 4em))`});
    let column = 1;
    for (const letter of segment_text()) {
      grid.append(cell("letter", words(letter), 1, column, size(letter)));
      column += size(letter);
    }
    bytes.forEach((byte, place) => grid.append(cell("byte", byte.hex, 2, place + 1, 1)));
    column = 1;
    now.parts.forEach((part, place) => {
      const fresh = place === now.at ? "block fresh" : "block";
      const span = part.hex.split(" ").length;
      const star = place === now.at ? "★" : "";
      const picked = step === last && place === within ? "picked" : "";  // 合完了，上面选中的词元是这一块
      const content = h("span", {}, star, words(part.label));
      grid.append(cell(`${fresh} color${place % 4} ${picked}`, content, 3, column, span));
      column += span;
    });
    const range = h("input", {type: "range", min: 0, max: Math.max(1, last), value: step, "aria-label": "合并到第几步", disabled: !last});
    range.addEventListener("input", () => {
      playing = null;
      go(Number(range.value));
    });
    const controls = h("div", {class: "buttons"},
      button(playing ? "停" : "播放", "从字节起，一步一步地合", play, false),
      button("上一步", "退一步", () => go(step - 1), false),
      button("下一步", "再合一对", () => go(step + 1), false), range, h("span", {}, said(now, last)));
    const focused = stage.contains(document.activeElement) ? [...stage.querySelectorAll("button, input")].indexOf(document.activeElement) : -1;
    const scroll = h("div", {class: "scroll", tabindex: "0"}, grid);
    stage.replaceChildren(controls, scroll);
    const block = grid.querySelectorAll(".block")[middle ?? 0];
    scroll.scrollLeft = block.offsetLeft - grid.offsetLeft + block.offsetWidth / 2 - scroll.clientWidth / 2;
    if (focused >= 0) stage.querySelectorAll("button, input")[focused].focus();
  }

  function segment_text() {
    const data = Uint8Array.from(merges.steps[0].parts, (part) => parseInt(part.hex, 16));
    return [...new TextDecoder().decode(data)];
  }

  function cell(kind, content, row, column, span) {
    return h("div", {class: kind, style: `grid-row:${row};grid-column:${column} / span ${span}`}, content);
  }

  function said(now, last) {
    if (step === 0) return `第 0 步（共 ${last} 步）：一个字节一块；每一步合次序表里最靠前的一对`;
    const [left, right] = merges.steps[step - 1].parts.slice(now.at, now.at + 2);
    const end = step === last ? `；没有可以合的了，这一段是 ${now.parts.length} 个词元` : "";
    return `第 ${step} 步（共 ${last} 步）：次序表第 ${now.rank} 条，${left.label} 和 ${right.label} 合成 ★${now.parts[now.at].label}${end}`;
  }
}
