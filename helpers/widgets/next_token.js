// 下一个词元：上面是正在写的话，中间是概率，下面是走过的路；每一步都可以回去另走一条
import {h, words, chip, slider, button, field, desk, pause} from "./view.js";

const KNOBS = [
  {key: "penalty", label: "重复惩罚", min: 1, max: 2, step: 0.05},
  {key: "temperature", label: "温度", min: 0.1, step: 0.1},  // 最高是 given.hottest
  {key: "top_k", label: "top-k", min: 0, max: 50, step: 1, off: 0},
  {key: "top_p", label: "top-p", min: 0.05, max: 1, step: 0.05, off: 1},
];

export function show(root, source, given) {
  const settings = {...given.settings};
  const table = desk(root);
  let asked = [];
  let start = leaf(null, null);  // 走过的路：一棵树，一个节点写一个词元
  let now = start;
  let found = {stages: [], rows: []};

  // ---- 树 ----

  function leaf(parent, token) {
    return {parent, token, children: []};
  }

  // 从开头走到 node，经过的节点
  function path(node) {
    return node.parent ? [...path(node.parent), node] : [];
  }

  // 模型要读的编号；写完了的，看的是结束词元自己的概率
  function ids() {
    const written = path(now).map((node) => node.token.id);
    if (now.token?.stop) written.pop();
    return [...asked.map((piece) => piece.id), ...written];
  }

  // 往前走一个词元：走过的就沿着走，没有就长出一支
  function step(token) {
    if (now.token?.stop) throw new Error("应在写完以前接词元，现在已经写出结束词元；退一个，或者点前面的词元");
    if (path(now).length >= given.most) throw new Error(`一支最多写 ${given.most} 个词元，现在写满了；退一个，或者按“重来”`);
    const known = now.children.find((child) => child.token.id === token.id);
    const next = known ?? leaf(now, token);
    if (!known) now.children.push(next);
    now = next;
  }

  // ---- 做的事 ----

  async function ask(question) {
    asked = await source.ask(question);
    asked.question = question;
    start = leaf(null, null);
    now = start;
    await look();
  }

  async function look() {
    found = await source.next(ids(), settings);
    draw();
  }

  async function go(node) {
    now = node;
    await look();
  }

  async function take(row) {
    step(row);
    await look();
    return `选了 ${row.label}`;
  }

  async function roll() {
    if (now.token?.stop) throw new Error("已经写完了；退一个，或者点前面的词元，再抽");
    const drawn = await source.draw(ids(), settings);
    await point(drawn);
    step(drawn);
    await look();
    return `抽中 ${drawn.label}，它的概率是 ${drawn.share.toFixed(2)}`;
  }

  async function back() {
    if (!now.parent) throw new Error("已经在回答的开头，没有可退的");
    const left = now.token.label;
    await go(now.parent);
    return `退掉了 ${left}，它还留在下面的路上`;
  }

  async function finish() {
    const room = given.most - path(now).length;
    if (now.token?.stop || room < 1) throw new Error("这一支已经写完；点前面的词元，从那里另写");
    const writing = source.write(ids(), {count: room}, (token) => {
      step(token);
      draw_sentence();
    });
    table.going = writing;
    await writing;
    await look();
    return now.token?.stop ? "写完了：写出了结束词元" : "停在这里";
  }

  // ---- 画 ----

  const question = field("问题", given.question, (text) => table.latest(() => ask(text)), {size: 34});
  const samples = h("div", {class: "samples"}, h("span", {}, "试试："));
  for (const text of given.samples) {
    samples.append(button(text, "问这一句", () => {
      question.input.value = text;
      table.run(() => ask(text));
    }));
  }
  const sentence = h("div", {class: "sentence", "aria-live": "polite"});
  const bars = h("div", {class: "bars"});
  const needle = h("div", {class: "needle", hidden: true});
  const strip = h("div", {class: "strip", "aria-hidden": "true"});
  const tree = h("div", {class: "tree", tabindex: "0"});
  const knobs = h("div", {class: "knobs"});
  const sliders = {};
  for (const {key, label, off, ...range} of KNOBS) {
    const text = (value) => value === off ? "不用" : String(Number(value.toFixed(2)));
    sliders[key] = slider(label, {max: given.hottest, ...range, value: settings[key], text}, (value) => {
      settings[key] = value;
      table.latest(look);
    });
    knobs.append(sliders[key]);
  }
  const stop = button("停", "停在现在的地方", () => table.stop(), false);
  const buttons = h("div", {class: "buttons"},
    button("抽一个", "按条上的概率抽下一个词元", () => table.run(roll)),
    button("接着写完", "从这里起每次选第一名，直到结束", () => table.run(finish)),
    stop,
    button("退一个", "退回一个词元；退掉的还留在路上", () => table.run(back)),
    button("重来", "从头开始，设置也还原", () => table.run(restart)));

  root.append(
    h("div", {class: "top"}, question, samples),
    sentence,
    h("div", {class: "columns"}, h("div", {class: "wide"}, bars, h("div", {class: "lot"}, strip, needle)),
      h("div", {class: "side"}, knobs, buttons)),
    table.message,
    tree);
  table.run(() => ask(given.question));

  async function restart() {
    for (const {key} of KNOBS) {
      settings[key] = given.settings[key];
      sliders[key].set(settings[key]);
    }
    await ask(asked.question);
  }

  function draw() {
    draw_sentence();
    draw_bars();
    draw_strip();
    tree.replaceChildren(h("b", {}, "走过的路"), branch(start));
  }

  // 正在写的话：点一个词元，回到它刚写出的时候
  function draw_sentence() {
    const answer = path(now).map((node, place) => chip(node.token, place, {
      title: "回到这里", "data-wait": true, onclick: () => table.run(() => go(node))}));
    const end = now.token?.stop ? h("b", {}, " ■ 写完了") : h("span", {class: "caret", "aria-hidden": "true"});
    sentence.replaceChildren(h("span", {class: "faint"}, "答："), ...answer, end);
    sentence.scrollTop = sentence.scrollHeight;
  }

  // 概率：实心的是用上设置以后的，框是原来的；点一行就选它。行留着不换，条才会动
  function draw_bars() {
    const kept = new Map([...bars.children].map((row) => [row.dataset.id, row]));
    const rows = found.rows.map((row) => {
      const node = kept.get(String(row.id)) ?? empty_row(row);
      fill(node, row);
      return node;
    });
    bars.replaceChildren(...rows);
  }

  function empty_row(row) {
    const track = h("span", {class: "track"}, h("i", {class: "before"}), h("i", {class: "after"}));
    return h("button", {type: "button", class: "bar", "data-id": row.id, "data-wait": true},
      h("span", {class: "name"}, words(row.label)), h("small", {}, String(row.id)), track, h("span", {class: "share"}));
  }

  function fill(node, row) {
    const before = row.shares[0];
    const after = row.shares.at(-1);
    const cut = row.shares.findIndex((share) => share === 0);
    const said = cut > 0 ? `被 ${found.stages[cut]} 去掉` : after.toFixed(2);
    node.onclick = () => table.run(() => take(row));
    node.classList.toggle("cut", cut > 0);
    node.querySelector(".before").style.width = `${100 * before}%`;
    node.querySelector(".after").style.width = `${100 * after}%`;
    node.querySelector(".share").textContent = said;
    node.title = `原来 ${before.toFixed(4)}，现在 ${after.toFixed(4)}；点它就接上它`;
    node.setAttribute("aria-label", `${row.label}，编号 ${row.id}，原来 ${before.toFixed(2)}，现在 ${said}，接上它`);
  }

  // 抽签条：每个候选占的长短就是它的概率
  function draw_strip() {
    const parts = found.rows.map((row, place) => part(row.label, row.shares.at(-1), `color${place % 4}`));
    const rest = 1 - found.rows.reduce((sum, row) => sum + row.shares.at(-1), 0);
    strip.replaceChildren(...parts, part("别的", Math.max(0, rest), "others"));
    needle.hidden = true;
  }

  function part(label, share, color) {
    return h("span", {class: color, style: `width:${100 * share}%`}, share > 0.06 ? words(label) : "");
  }

  // 签落在抽中的那一段里
  async function point(drawn) {
    let left = 0;
    for (const row of found.rows) {
      if (row.id === drawn.id) break;
      left += row.shares.at(-1);
    }
    needle.hidden = false;
    needle.style.left = "0%";
    needle.getBoundingClientRect();  // 先画在开头，再动
    needle.style.left = `${100 * (left + drawn.share / 2)}%`;
    await pause(650);
  }

  // 一棵树：不分岔的写成一行，分岔的一支一行
  function branch(node) {
    const line = h("span", {class: "line"});
    let last = node;
    while (last.children.length === 1) {
      last = last.children[0];
      line.append(stone(last));
    }
    const item = h("div", {class: "branch"}, line);
    if (last.children.length > 1) item.append(h("div", {class: "fork"}, ...last.children.map(fork)));
    if (node === start && !node.children.length) line.append("（还没有写）");
    return item;
  }

  function fork(child) {
    const item = branch(child);
    item.firstChild.prepend(stone(child));
    return item;
  }

  function stone(node) {
    const on = path(now).includes(node);
    return h("button", {type: "button", "data-wait": true, class: on ? "stone on" : "stone",
      "aria-current": node === now ? "step" : null, title: "走到这里", onclick: () => table.run(() => go(node))},
    node === now ? "▶" : "", words(node.token.label));
  }
}
