// 聊天：左边是说的话，右边是模型真正得到的词元，下面一个回答一根条：多少重用，多少新读，多少写出
import {h, words, chip, slider, button, field, desk} from "./view.js";

const ENDS = {
  stop: "说完了：写出了结束词元",
  most: "写满了一个回答最多的词元，停在这里",
  limit: "到上限了，话没有说完：按“忘掉开头”腾出地方，再接着聊",
};
const UNFINISHED = "；停在思考里，还没有回答：少了 </think>，模板认不出这是思考，下一轮还会给它看";
const BLANK = {answer: "", thought: 0, thoughts: 0};  // 写出的文字，其中开头几个字母是思考、那是几个词元
const ROLES = ["system", "user", "assistant"];
const STEEP = 0.8;  // 用到上限的八成，就提醒可以忘掉开头

export function show(root, source, given) {
  const {look, reply, clear} = source;  // 网页里的模型不会这三样，那里只有静态的图（classroom/site/static/live.js）
  const table = desk(root);
  const settings = {limit: given.limit, temperature: given.temperature, reuse: true, thinking: given.thinking};
  let turns = [];  // 说过的各轮，忘掉的不在里面
  let started = 0;  // 第几轮，忘掉的也算

  // ---- 做的事 ----

  function messages(talked) {
    const said = talked.flatMap(({asked, answer}) => [
      {role: "user", content: asked}, {role: "assistant", content: answer}]);
    const first = system.input.value.trim() ? [{role: "system", content: system.input.value}] : [];
    return [...first, ...said];
  }

  async function send() {
    return take({number: started + 1, draws: 1, asked: entry.value, typed: [], ...BLANK}, turns);
  }

  async function again() {
    const last = turns.at(-1);
    if (!last) throw new Error("还没有可以退回的回答；先说一句");
    if (settings.temperature === 0) throw new Error("温度是 0，每次都选第一名，再抽还是同一个；把温度调高再按");
    return take({...last, draws: last.draws + 1, ...BLANK}, turns.slice(0, -1));
  }

  async function forget() {
    if (!turns.length) throw new Error("还没有可以忘的；先说一句");
    const [oldest] = turns;
    turns = turns.slice(1);
    rounds.append(h("div", {class: "faint"}, `—— 忘掉了第 ${oldest.number} 轮 ——`));
    const found = await see();
    return `忘掉了第 ${oldest.number} 轮。后面的每个词元都看过它，它们的 key 和 value 不能再用：`
      + `剩下 ${found.count} 个词元，KV cache 里只有开头 ${found.reused} 个能重用，别的下一轮要重读`;
  }

  async function restart() {
    turns = [];
    started = 0;
    rounds.replaceChildren();
    await clear();
    await see();
  }

  // 右边是下一轮的开头，和 KV cache 里还能用的
  async function see() {
    draw_talk();
    const found = await look(messages(turns), settings.limit);
    draw_tokens(found);
    draw_facts(found.count, found.cache_bytes);
    return found;
  }

  // 模型写一轮；earlier 是它前面的各轮
  async function take(turn, earlier) {
    const asked = [...messages(earlier), {role: "user", content: turn.asked}];
    const round = {name: name_of(turn), reused: 0, fresh: 0, written: 0};
    let new_ones = 0;
    let end = null;
    let unfinished = false;

    function begin(found) {
      new_ones = found.count - found.reused;
      Object.assign(round, {reused: found.reused, cut: found.cut, lost: found.lost});
      turn.typed = found.typed;
      turns = [...earlier, turn];
      started = Math.max(started, turn.number);
      entry.value = "";
      draw_talk();
      draw_tokens(found);
      draw_facts(found.count, found.cache_bytes);
      draw_round(round);
    }

    function read(count) {
      round.fresh = count;
      draw_round(round);
      table.say(`正在读……${count} / ${new_ones} 个词元`);
    }

    function write(token) {
      round.written += 1;
      round.first ??= token.seconds;
      round.last = token.seconds;
      turn.answer += token.text;
      if (token.thinking) {
        turn.thought = turn.answer.length;
        turn.thoughts += 1;
      }
      unfinished = token.thinking && token.label !== "</think>";
      const count = round.reused + round.fresh + round.written;
      scrolled(talk, () => draw_answer(talk.lastChild, turn));
      scrolled(tokens, () => live_line().append(chip(token, count - 1, {class: "written", title: "写出的"})));
      draw_facts(count, token.cache_bytes);
      draw_round(round);
      table.say("正在写……按“停”可以停下来");
    }

    const going = reply(asked, {...settings, seed: given.seed + turn.draws - 1}, (step) => {
      if (step.asked) begin(step.asked);
      else if (step.read) read(step.read);
      else if (step.end) end = step.end;
      else write(step);
    });
    table.going = going;
    try {
      await going;
    } finally {
      if (turns.includes(turn) && !round.written) put_back(turn, earlier);
    }
    if (round.written) return (end ? ENDS[end] : "停了；这个回答就到这里") + (unfinished ? UNFINISHED : "");
    await see();
    return "停在读的时候，还没有写；你的话放回了输入框，读过的留在 KV cache 里";
  }

  // 没有写成：你的话放回输入框，除非已经写了别的
  function put_back(turn, earlier) {
    turns = earlier;
    entry.value ||= turn.asked;
    draw_talk();
  }

  function name_of(turn) {
    return turn.draws === 1 ? `第 ${turn.number} 轮` : `第 ${turn.number} 轮，第 ${turn.draws} 次抽`;
  }

  // ---- 控件 ----

  const system = field("system 消息", "", () => table.latest(see), {size: 24, placeholder: "空着，模板自己加一条"});
  const limit = field("上限", given.limit, (text) => {
    settings.limit = Number(text);
    table.latest(see);
  }, {type: "number", min: 1, max: given.longest});
  const heat = (value) => value === 0 ? "0 贪心" : value.toFixed(1);
  const temperature = slider("温度", {min: 0, max: 1.5, step: 0.1, value: given.temperature, text: heat}, (value) => {
    settings.temperature = value;
  });
  const thinking = h("input", {type: "checkbox", checked: given.thinking,
    onchange: () => { settings.thinking = thinking.checked; }});
  const think = h("label", {hidden: given.thinking === null, title: "先思考再回答；温度是 0 时容易没完没了地重复"},
    thinking, " 先思考");
  const reuse = h("input", {type: "checkbox", checked: true, onchange: () => { settings.reuse = reuse.checked; }});
  const entry = h("textarea", {"aria-label": "你说", placeholder: "说一句，按回车；换行按 Shift 加回车"});
  entry.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;  // 拼音还没有选好字，不算
    event.preventDefault();
    table.run(send);
  });
  const samples = h("div", {class: "samples"}, h("span", {}, "试试："));
  for (const text of given.samples) {
    samples.append(button(text, "写进输入框", () => { entry.value = text; }));
  }
  const drop = button("忘掉开头", "丢掉最早的一轮，腾出地方", () => table.run(forget));
  const talk = h("div", {class: "talk", tabindex: "0", "aria-label": "说的话"});
  const tokens = h("div", {class: "tokens", tabindex: "0", "aria-label": "模型得到的"});
  const facts = h("div", {class: "facts"});
  const rounds = h("div", {class: "rounds"});
  const keys = h("div", {}, h("b", {}, "每一轮"), key("reused", "重用 KV cache"), key("fresh", "新读"), key("written", "写出"));

  root.append(
    h("div", {class: "settings"}, system, temperature, limit, h("label", {}, reuse, " 重用 KV cache"), think),
    h("div", {class: "columns"},
      h("div", {}, h("b", {}, "说的话"), talk),
      h("div", {}, h("b", {}, "模型得到的"), tokens)),
    facts,
    h("div", {class: "entry"}, entry),
    h("div", {class: "buttons"},
      button("发送", "把这一句说给模型", () => table.run(send)),
      button("停", "停在现在的地方", () => table.stop(), false),
      button("退回再抽", "收回最后一个回答，换一个种子再写一次", () => table.run(again)),
      drop,
      button("从头再来", "忘掉全部的话，丢掉 KV cache", () => table.run(restart)),
      samples),
    table.message,
    keys,
    rounds);
  table.run(restart);

  function key(kind, text) {
    return h("span", {class: `key ${kind}`}, text);
  }

  // ---- 画 ----

  function draw_talk() {
    const said = turns.flatMap((turn) => [asked_bubble(turn), answer_bubble(turn)]);
    talk.replaceChildren(...(said.length ? said : ["（还没有话）"]));
    talk.scrollTop = talk.scrollHeight;
  }

  function asked_bubble(turn) {
    const node = h("div", {class: "said user"}, words(turn.asked));
    const note = warned(turn);
    if (note) node.append(h("small", {}, note));
    return node;
  }

  // 思考叠起来，回答在下面
  function answer_bubble(turn) {
    const thought = h("details", {}, h("summary"), words(""));
    const node = h("div", {class: "said assistant"}, thought, words(""));
    draw_answer(node, turn);
    return node;
  }

  function draw_answer(node, {answer, thought, thoughts}) {
    const [fold, told] = node.children;
    const kept = given.forgets ? "；下一轮模板会去掉它" : "";
    fold.hidden = !thought;
    fold.firstChild.textContent = `思考（${thoughts} 个词元${kept}）`;
    fold.lastChild.textContent = answer.slice(0, thought).replace("<think>", "").replace("</think>", "").trim();
    told.textContent = thought ? answer.slice(thought).trimStart() : answer;
  }

  function warned({typed}) {
    if (!typed.length) return "";
    return `⚠ 里面有 ${typed.join("、")}：放进模板，它就是真的，看右边从哪里断开；要当普通文字说，在尖括号后面加一个空格`;
  }

  // 一条消息一行：谁说的，看开头的词元；reused 是前几个在 KV cache 里
  function draw_tokens({rows, reused}) {
    const lines = rows.map((row) => line(row, reused));
    tokens.replaceChildren(...(lines.length ? lines : ["（还没有词元）"]));
    tokens.scrollTop = tokens.scrollHeight;
  }

  function line({start, count, head, tail}, reused) {
    const from = start + count - tail.length;
    const between = count - head.length - tail.length;
    const opening = head.slice(0, 2).map((piece) => piece.label).join(" ");
    const role = ROLES.find((name) => opening.includes(name)) ?? "";
    return h("div", {class: `line ${role}`}, h("small", {class: "role"}, role),
      ...head.map((piece, at) => known(piece, start + at, reused)),
      between > 0 ? h("span", {class: "faint"}, `……中间 ${between} 个没有画……`) : "",
      ...tail.map((piece, at) => known(piece, from + at, reused)));
  }

  function known(piece, place, reused) {
    const kept = place < reused;
    return chip(piece, place, {class: kept ? "reused" : "fresh", title: kept ? "在 KV cache 里，重用" : "要新读"});
  }

  function live_line() {
    return tokens.lastChild;
  }

  function draw_facts(count, bytes) {
    const full = count / settings.limit;
    drop.classList.toggle("offered", full > STEEP && turns.length > 1);
    facts.replaceChildren(
      h("meter", {min: 0, max: 1, value: full, high: STEEP, "aria-label": "用了上限的几成"}),
      ` 上下文 ${count} / ${settings.limit} 个词元　KV cache ${bytes.toLocaleString("en")} 字节`,
      full > STEEP ? `　${full >= 1 ? "满了" : "快满了"}：可以忘掉开头` : "");
  }

  // 一个回答一根条；最后一根正在长。所有的条一样的比例
  function draw_round(round) {
    if (!round.node) {
      round.node = h("div", {class: "round"}, h("span", {}, round.name), h("span", {class: "track", "aria-hidden": "true"}),
        h("span", {class: "figures"}));
      round.node.total = 0;
      rounds.append(round.node);
    }
    round.node.total = round.reused + round.fresh + round.written;
    const parts = ["reused", "fresh", "written"].map((kind) => h("i", {class: kind, "data-count": round[kind]}));
    round.node.children[1].replaceChildren(...parts);
    round.node.children[2].textContent = figures(round);
    rescale();
    rounds.scrollTop = rounds.scrollHeight;
  }

  function rescale() {
    const all = [...rounds.querySelectorAll(".round")];
    const longest = Math.max(...all.map((node) => node.total));
    for (const part of rounds.querySelectorAll("i")) part.style.width = `${100 * part.dataset.count / longest}%`;
  }

  function figures({reused, fresh, written, cut, lost, first, last}) {
    const parts = [`重用 ${reused}`, `新读 ${fresh}`, `写出 ${written}`];
    if (lost) parts.push(`开头 ${lost} 个没有变，可是这个模型的缓存去不掉末尾，只好从头读`);
    else if (cut) parts.push(`从 KV cache 里去掉 ${cut}`);
    if (first) parts.push(`首个词元 ${first.toFixed(2)} 秒`);
    if (written > 2) parts.push(`${((written - 1) / (last - first)).toFixed(1)} 词元/秒`);
    return parts.join("　");
  }

  // 原来就看着末尾的，长了也跟到末尾
  function scrolled(box, change) {
    const near = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    change();
    if (near) box.scrollTop = box.scrollHeight;
  }
}
