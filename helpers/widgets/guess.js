// 你来当模型：先选，再说几成把握，下注以后才看模型的概率；意外的比特数越少越好
import {h, words, button, field, slider, desk} from "./view.js";

const OWN = "自己写的";

export function show(root, source, given) {
  const table = desk(root);
  let game = {asked: "", shown: [], rounds: []};
  let text = given.text;
  let at = 0;  // 第几轮
  let chosen = null;  // 押了第几个候选
  let sure = 0.6;
  let placed = false;
  let bits = {yours: [], theirs: [], even: []};  // 每一轮的意外

  async function start() {
    game = await source.rounds(question.input.value, text, given.seed);
    at = 0;
    chosen = null;
    placed = false;
    bits = {yours: [], theirs: [], even: []};
    draw();
  }

  function round() {
    return game.rounds[at];
  }

  // 你的概率：押的那个是把握，剩下的平分
  function yours(place) {
    return place === chosen ? sure : (1 - sure) / (round().options.length - 1);
  }

  function surprise(share) {
    return Math.log2(1 / share);
  }

  function place() {
    if (placed) throw new Error("每一轮应只下一次注，这一轮已经下过；按“下一个”接着猜，或者按“重来”");
    if (chosen === null) throw new Error("下注前应选一个词元，现在还没有选；点一个候选，再拖动把握");
    placed = true;
    const truth = round().options.findIndex((option) => option.id === round().truth);
    bits.yours.push(surprise(yours(truth)));
    bits.theirs.push(round().bits);
    bits.even.push(surprise(1 / round().options.length));
    draw();
    const name = round().options[truth].label;
    const end = finished() ? "；这段文字猜完了，按“重来”，或者换一段" : "";
    return `${truth === chosen ? "猜对了" : "没猜中"}，是 ${name}${end}`;
  }

  function finished() {
    return bits.yours.length === game.rounds.length;
  }

  function next() {
    if (!placed) throw new Error("应先下注，再看下一个，现在还没有下注；点一个候选，按“下注”");
    if (finished()) throw new Error(`这段文字只有 ${game.rounds.length} 个词元要猜，已经猜完；按“重来”，或者换一段`);
    at += 1;
    chosen = null;
    placed = false;
    draw();
  }

  // ---- 画 ----

  const picker = h("select", {"aria-label": "猜哪段"}, ...[...Object.keys(given.texts), OWN].map((name) => h("option", {}, name)));
  picker.addEventListener("change", () => table.latest(() => {
    if (picker.value === OWN) return "在“自己写”里写一段，写好按回车";
    [question.input.value, text] = given.texts[picker.value];
    return start();
  }));
  const question = field("问题", given.question, () => table.latest(start), {size: 26, placeholder: "空着就没有问题"});
  const own = field("自己写", "", (value) => table.latest(async () => {
    const before = text;
    text = value;
    try {
      await start();
    } catch (error) {
      text = before;
      throw error;
    }
    own.input.value = "";
    picker.value = OWN;
    return `收到了，要猜 ${game.rounds.length} 个词元；文字已经藏起来，换同桌来猜`;
  }), {size: 22, placeholder: "写好按回车，文字就藏起来"});
  const passage = h("div", {class: "passage", "aria-live": "polite"});
  const options = h("div", {class: "options", role: "radiogroup", "aria-label": "下一个是"});
  const confidence = slider("把握", {min: 20, max: 95, step: 5, value: 60, text: (value) => `${value}%`}, (value) => {
    sure = value / 100;
    draw_options();
  });
  const bet = button("下注", "押选中的词元，然后看模型的概率", () => table.run(place));
  const onward = button("下一个", "接上真正的词元，猜它后面的一个", () => table.run(next));
  const score = h("div", {class: "score"});
  root.append(
    h("div", {class: "top"}, h("label", {class: "field"}, h("span", {}, "猜哪段"), picker), question, own),
    passage, options,
    h("div", {class: "buttons"}, confidence, bet, onward, button("重来", "从这段文字的开头重新猜", () => table.run(start))),
    table.message, score);
  table.run(start);

  function draw() {
    draw_passage();
    draw_options();
    draw_score();
  }

  function draw_passage() {
    const done = game.rounds.slice(0, at).map((round) => round.options.find((option) => option.id === round.truth));
    const known = [...game.shown, ...done].map((piece) => h("span", {class: "known"}, words(piece.label)));
    const truth = round().options.find((option) => option.id === round().truth);
    const now = placed ? h("b", {class: "known"}, "★", words(truth.label)) : h("b", {class: "known"}, "？");
    const intro = game.asked ? ["问：", words(game.asked), "　答："] : ["文字："];
    passage.replaceChildren(h("span", {class: "faint"}, ...intro), ...known, now);
    passage.scrollTop = passage.scrollHeight;
  }

  function draw_options() {
    const focused = [...options.children].indexOf(document.activeElement);
    options.replaceChildren(...round().options.map(option_row));
    if (focused >= 0) options.children[focused].focus();
    confidence.querySelector("input").disabled = placed;
  }

  // 一个候选；下注以后，上面一条是模型的概率，下面一条是你的
  function option_row(option, place) {
    const truth = placed && option.id === round().truth ? "★ " : "";
    const mine = place === chosen ? "▸ " : "";
    const node = h("button", {type: "button", class: "option", role: "radio", "aria-checked": place === chosen,
      onclick: () => pick(place)}, h("span", {class: "name"}, `${place + 1} ${truth}${mine}`, words(option.label)));
    if (placed) node.append(bar(option.share, "模型", "theirs"), bar(yours(place), "你", "yours"));
    return node;
  }

  function bar(share, who, kind) {
    return h("span", {class: "track"}, h("i", {class: kind, style: `width:${100 * share}%`}), h("small", {}, `${who} ${share.toFixed(2)}`));
  }

  function pick(place) {
    if (placed) return;
    chosen = place;
    draw_options();
  }

  function draw_score() {
    const rows = [["你", bits.yours, "yours"], ["模型", bits.theirs, "theirs"], ["六个均分", bits.even, "even"]];
    const most = Math.max(3, ...rows.map(([, list]) => mean(list)));
    const lines = rows.map(([who, list, kind]) => h("div", {class: "line"}, h("span", {class: "name"}, who),
      h("span", {class: "track"}, h("i", {class: kind, style: `width:${100 * mean(list) / most}%`})),
      h("span", {}, list.length ? `平均 ${mean(list).toFixed(2)} 比特，一共 ${sum(list).toFixed(2)}` : "—")));
    score.replaceChildren(h("div", {}, `猜了 ${bits.yours.length} / ${game.rounds.length} 个：${leader()}（意外越少越好）`), ...lines);
  }

  function leader() {
    if (!bits.yours.length) return "还没有下注";
    const ahead = mean(bits.theirs) - mean(bits.yours);
    if (Math.abs(ahead) < 0.005) return "打平";
    return `${ahead > 0 ? "你" : "模型"}领先，平均每个词元少 ${Math.abs(ahead).toFixed(2)} 比特`;
  }

  function sum(list) {
    return list.reduce((total, number) => total + number, 0);
  }

  function mean(list) {
    return list.length ? sum(list) / list.length : 0;
  }
}
