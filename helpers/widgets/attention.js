// 注意力：点一个词元，线从它连到它看的；线粗、底色深就是权重大。右边每一格是一个头，点它就换成它
import {h, words, field, tabs, desk} from "./view.js";

const SVG = "http://www.w3.org/2000/svg";
const RANKS = ["①", "②", "③"];

export function show(root, source, given) {
  const table = desk(root);
  let pieces = [];
  let query = 0;
  let layer = 0;
  let head = 0;  // 0 是所有的头平均
  let looks = [];  // [层][头][位置]

  // ---- 做的事 ----

  async function read() {
    const found = await source.positions(text.input.value, template.checked);
    const rows = await source.looks(found.map((piece) => piece.id), found.length - 1);
    pieces = found;
    query = found.length - 1;
    looks = rows;
    layer = Math.min(layer, looks.length - 1);
    await draw();
  }

  async function ask(place) {
    looks = await source.looks(pieces.map((piece) => piece.id), place);
    query = place;
    await draw();
  }

  async function pick(number, other) {
    layer = number;
    head = other;
    await draw();
  }

  function arrow(event) {
    const by = {ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1]}[event.key];
    if (!by) return;
    event.preventDefault();
    const number = Math.min(Math.max(0, layer + by[0]), looks.length - 1);
    const other = Math.min(Math.max(0, head + by[1]), looks[0].length - 1);
    table.latest(async () => {
      await pick(number, other);
      heads.querySelector("[aria-pressed=true]").focus();
    });
  }

  // ---- 画 ----

  const text = field("文字", given.text, () => table.latest(read), {size: 34});
  const template = h("input", {type: "checkbox", checked: true});
  template.addEventListener("change", () => table.latest(read));
  const title = h("div", {class: "title", role: "status"});
  const lines = document.createElementNS(SVG, "svg");
  lines.setAttribute("aria-hidden", "true");
  const sentence = h("div", {class: "looked"});
  const stage = h("div", {class: "seen"}, lines, sentence);
  const heads = h("div", {class: "heads_of", role: "group", "aria-label": "每一层（行）每一个头（列）", onkeydown: arrow});
  const best = h("ol", {class: "best"});
  const map = h("div", {class: "map"});
  const pages = tabs({"看得最多的": best, "整张图": map});
  root.append(
    h("div", {class: "top"}, text, h("label", {class: "field"}, template, "套对话模板")),
    h("div", {class: "columns"}, h("div", {}, title, stage), h("div", {}, h("small", {}, "行是层，列是头（第 1 列是平均）；颜色深：权重集中在一个词元上"), heads)),
    table.message, pages);
  table.run(read);
  new ResizeObserver(() => looks.length && draw_lines()).observe(stage);

  async function draw() {
    const weights = looks[layer][head];
    const name = head ? `第 ${head} 个头` : `${looks[0].length - 1} 个头平均`;
    title.textContent = `第 ${layer + 1} 层，${name}：第 ${query + 1} 个词元 ${pieces[query].label} 看它自己和前面的`;
    draw_sentence(weights);
    draw_lines();
    draw_heads();
    draw_best(weights);
    draw_map(await source.attention_map(pieces.map((piece) => piece.id), layer, head));
  }

  function draw_sentence(weights) {
    const focused = [...sentence.children].indexOf(document.activeElement);
    sentence.replaceChildren(...pieces.map((piece, place) => {
      const weight = weights[place];
      const tint = weight === undefined ? "" : `background:color-mix(in srgb, var(--blue) ${Math.round(60 * weight ** 0.6)}%, transparent)`;
      const said = weight === undefined ? "在它后面，看不见" : `权重 ${weight.toFixed(2)}`;
      const node = h("button", {type: "button", "data-wait": true, style: tint,
        title: `第 ${place + 1} 个词元，${said}；点它，看它看谁`,
        "aria-label": `${place + 1} ${piece.label}，${said}`, "aria-pressed": place === query,
        class: place === query ? "token query" : place > query ? "token unseen" : "token", onclick: () => table.run(() => ask(place))}, words(piece.label));
      if (weight >= 0.095) node.append(h("small", {}, weight.toFixed(2).slice(1)));
      return node;
    }));
    if (focused >= 0) sentence.children[Math.min(focused, pieces.length - 1)].focus();
  }

  // 从选中的词元到它看的每一个，一条弧线
  function draw_lines() {
    const box = stage.getBoundingClientRect();
    lines.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
    const from = middle(sentence.children[query], box);
    lines.replaceChildren(...looks[layer][head].flatMap((weight, place) => {
      if (weight < 0.03 || place === query) return [];
      const to = middle(sentence.children[place], box);
      const bend = Math.min(34, 10 + Math.abs(from.x - to.x) / 8);
      const line = document.createElementNS(SVG, "path");
      line.setAttribute("d", `M${from.x},${from.y} C${from.x},${from.y - bend} ${to.x},${to.y - bend} ${to.x},${to.y}`);
      line.setAttribute("stroke-width", (1 + 7 * weight).toFixed(1));
      line.setAttribute("opacity", (0.25 + 0.75 * weight).toFixed(2));
      return [line];
    }));
  }

  function middle(node, box) {
    const place = node.getBoundingClientRect();
    return {x: place.left - box.left + place.width / 2, y: place.top - box.top};
  }

  function draw_heads() {
    heads.style.gridTemplateColumns = `2.2em repeat(${looks[0].length}, minmax(14px, 30px))`;
    const focused = heads.contains(document.activeElement);
    heads.replaceChildren(...looks.flatMap((row, number) => [h("small", {}, String(number + 1)), ...row.map((weights, other) => {
      const most = Math.max(...weights);
      const at = weights.indexOf(most);
      const chosen = number === layer && other === head;
      const who = other ? `第 ${other} 个头` : "平均";
      return h("button", {type: "button", class: "head", tabindex: chosen ? 0 : -1, "aria-pressed": chosen,
        title: `第 ${number + 1} 层，${who}：最多的 ${most.toFixed(2)} 给了 ${pieces[at].label}`,
        "aria-label": `第 ${number + 1} 层，${who}`,
        style: `background:color-mix(in srgb, var(--blue) ${Math.round(100 * most)}%, var(--paper))`,
        onclick: () => table.latest(() => pick(number, other))}, chosen ? "▪" : "");
    })]));
    if (focused) heads.querySelector("[aria-pressed=true]").focus();
  }

  function draw_best(weights) {
    const order = weights.map((weight, place) => [weight, place]).sort((a, b) => b[0] - a[0]).slice(0, 8);
    best.replaceChildren(...order.map(([weight, place], rank) => h("li", {},
      h("span", {}, `${RANKS[rank] ?? "　"} ${place + 1} `, words(pieces[place].label)),
      h("span", {class: "track"}, h("i", {style: `width:${100 * weight}%`})), h("span", {}, weight.toFixed(2)))));
  }

  // 每一行是一个词元在看，每一列是被看的
  function draw_map(rows) {
    map.style.gridTemplateColumns = `repeat(${rows.length}, minmax(4px, 14px))`;
    map.replaceChildren(...rows.flatMap((row, place) => row.map((weight, other) => h("i", {
      class: place === query ? "now" : "", title: `${place + 1} ${pieces[place].label} 看 ${other + 1} ${pieces[other].label}：${weight.toFixed(2)}`,
      style: `background:color-mix(in srgb, var(--blue) ${Math.round(100 * weight ** 0.6)}%, transparent)`}))));
  }
}
