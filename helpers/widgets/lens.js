// logit lens：点一个词元，左边是从第 0 层到最后一层，它后面会说什么；右边的小图是所有的位置
import {h, words, field, button, pause, desk} from "./view.js";

export function show(root, source, given) {
  const table = desk(root);
  let pieces = [];
  let rows = [];  // [层][位置]
  let at = 0;

  // ---- 做的事 ----

  async function read() {
    const found = await source.positions(text.input.value, template.checked);
    const filling = [];
    pieces = found;
    at = found.length - 1;
    const working = source.lens(found.map((piece) => piece.id), (row) => {
      filling.push(row);
      rows = filling;
      table.say(`⏳ 算完 ${filling.length} 行……按“停”可以停下来`);
      draw();
    });
    table.going = working;
    await working;
    await fill();
  }

  // 一层一层地填，看答案在哪一层出来
  async function fill() {
    const lines = [...ladder.children];
    for (const line of lines) line.classList.add("hidden_yet");
    for (const line of lines) {
      line.classList.remove("hidden_yet");
      ladder.scrollTop = line.offsetTop - ladder.offsetTop - ladder.clientHeight + line.offsetHeight;
      await pause(Math.min(120, 1200 / lines.length));
    }
  }

  function choose(place) {
    at = place;
    draw();
  }

  // ---- 画 ----

  const text = field("文字", given.text, () => table.latest(read), {size: 34});
  const template = h("input", {type: "checkbox", checked: true});
  template.addEventListener("change", () => table.latest(read));
  const sentence = h("div", {class: "looked"});
  const said = h("p", {class: "facts"});
  const ladder = h("div", {class: "ladder", tabindex: "0"});
  const map = h("div", {class: "grid_of"});
  root.append(
    h("div", {class: "top"}, text, h("label", {class: "field"}, template, "套对话模板"),
      button("再填一遍", "从第 0 层起，一层一层地填", () => table.run(fill)),
      button("停", "停下来", () => table.stop(), false)),
    sentence, said,
    h("div", {class: "columns"}, ladder, h("div", {}, h("small", {}, "行是层，列是位置；✓ 的格子已经和最后的答案相同"), map)),
    table.message);
  table.run(read);

  function last(place) {
    return rows.at(-1)[place];
  }

  function same(number, place) {
    return rows[number][place].id === last(place).id;
  }

  function draw() {
    const focused = [...sentence.children].indexOf(document.activeElement);
    sentence.replaceChildren(...pieces.map((piece, place) => h("button", {type: "button", "aria-pressed": place === at,
      class: place === at ? "token query" : "token", title: `第 ${place + 1} 个词元；点它，看它后面会说什么`,
      onclick: () => choose(place)}, words(piece.label))));
    if (focused >= 0) sentence.children[focused]?.focus();
    said.textContent = summary();
    draw_ladder();
    draw_map();
  }

  function summary() {
    const answers = rows.map((_, number) => same(number, at));
    const early = answers.slice(0, -1).filter(Boolean).length;
    const settled = answers.lastIndexOf(false) + 1;
    return `第 ${at + 1} 个词元 ${pieces[at].label} 后面，模型最后答 ${last(at).label} ${last(at).share.toFixed(2)}；`
      + `前面 ${rows.length - 1} 行里有 ${early} 行的第一名已经是它，过了 ${settled} 层以后不再变`;
  }

  function name(number) {
    if (number === 0) return "0 词嵌入";
    return number === rows.length - 1 ? `${number} 输出` : String(number);
  }

  // 一个位置：一层一行，第一名和它的概率
  function draw_ladder() {
    ladder.classList.toggle("many", rows.length > 12);
    ladder.replaceChildren(...rows.map((row, number) => {
      const cell = row[at];
      const agrees = same(number, at);
      const label = cell.share < given.spread && !agrees ? "分散" : cell.label;
      const mark = agrees && number < rows.length - 1 ? " ✓" : "";
      return h("div", {class: agrees ? "rung same" : "rung"}, h("small", {}, name(number)), h("span", {class: "name"}, words(label)),
        h("span", {class: "track"}, h("i", {style: `width:${100 * cell.share}%`})), h("span", {}, `${cell.share.toFixed(2)}${mark}`));
    }));
  }

  function draw_map() {
    map.style.gridTemplateColumns = `repeat(${pieces.length}, minmax(5px, 18px))`;
    map.replaceChildren(...rows.flatMap((row, number) => row.map((cell, place) => h("button", {type: "button", tabindex: -1,
      class: `${cell.share > 0.5 ? "deep" : ""} ${place === at ? "now" : ""}`,
      title: `${name(number)}，第 ${place + 1} 个词元 ${pieces[place].label} 后面：${cell.label} ${cell.share.toFixed(2)}`,
      style: `background:color-mix(in srgb, var(--blue) ${Math.round(100 * cell.share)}%, var(--paper))`,
      onclick: () => choose(place)}, same(number, place) ? "✓" : ""))));
  }
}
