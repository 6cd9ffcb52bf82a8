// 慢动作：讲义的五个方框不动，一个词元沿着箭头走；旁边是这一格进去什么、出来什么、KV cache 有多大、花了多久
import {h, words, button, field, tabs, pause, desk} from "./view.js";

export function show(root, source, given) {
  const table = desk(root);
  let run = null;
  let at = 0;  // 第几格，从 0 数
  let playing = null;  // 正在走的这一遍
  let asked = "";

  async function generate() {
    playing = null;
    const text = question.input.value;
    let made = null;
    const working = source.frames(text, given.most, (news) => {
      if (news.run) made = news.run;
      else table.say(`⏳ 正在生成……写出了 ${news.count} 个词元，最多 ${given.most} 个；按“停”可以停下来`);
    });
    table.going = working;
    await working;
    if (!made) return "停了，下面还是上一次的；再按“开始”重新生成";
    run = made;
    asked = text;
    at = 0;
    range.max = run.frames.length - 1;
    draw();
    return `写完了：${run.sizes.length} 步，${run.frames.length} 格；按“下一格”，或者“开始”`;
  }

  function go(number) {
    at = Math.min(Math.max(0, number), run.frames.length - 1);
    draw();
  }

  function step(by) {
    playing = null;
    if (!run) return;
    const next = at + by;
    if (next < 0) table.say("已经是第一格；按“下一格”往前走");
    else if (next >= run.frames.length) table.say("已经是最后一格；按“上一格”往回走，或者换一个问题");
    else go(next);
  }

  // 从头走；走着的时候按，就停
  async function play() {
    if (playing) {
      stop();
      return;
    }
    if (!run || asked !== question.input.value) await table.run(generate);
    if (!run) return;
    const mine = {run};
    playing = mine;
    go(at === run.frames.length - 1 ? 0 : at);
    while (playing === mine && run === mine.run && at < run.frames.length - 1) {
      await new Promise((done) => setTimeout(done, 900));
      if (playing === mine && run === mine.run) go(at + 1);
    }
    if (playing === mine) stop();
    start.textContent = playing ? "暂停" : "开始";
  }

  function stop() {
    playing = null;
    table.stop();
    start.textContent = "开始";
  }

  // ---- 画 ----

  const question = field("问题", given.question, () => table.latest(generate), {size: 22});
  const start = button("开始", "从这一格起，一格一格地走；再按一次停下", play, false);
  const range = h("input", {type: "range", min: 0, max: 1, value: 0, "aria-label": "第几格"});
  range.addEventListener("input", () => {
    playing = null;
    go(Number(range.value));
  });
  const place = h("output", {});
  const boxes = {};
  const arrows = {};
  const chart = h("div", {class: "chart"});
  for (const name of "ABCDE") {
    boxes[name] = h("div", {class: `box box${name}`});
    arrows[name] = h("div", {class: "arrow"});
    if (name !== "A") chart.append(arrows[name]);
    chart.append(boxes[name]);
  }
  const ball = h("div", {class: "ball", "aria-hidden": "true"});
  chart.append(ball);
  const facts = h("dl", {class: "facts"});
  const growth = h("div", {});
  const times = h("div", {class: "times"});
  root.append(
    h("div", {class: "top"}, question, start, button("停", "停下来", stop, false),
      button("上一格", "退一格", () => step(-1), false), button("下一格", "进一格", () => step(1), false), range, place),
    chart, table.message,
    tabs({"这一格": facts, "KV cache": growth, "时间": times}));
  table.run(generate);

  function draw() {
    const now = run.frames[at];
    range.value = at;
    start.textContent = playing ? "暂停" : "开始";
    place.textContent = `${at + 1} / ${run.frames.length} 格`;
    for (const name of "ABCDE") {
      const [title, ...lines] = now.boxes[name].text.split("\n");
      const lit = name === now.name;
      boxes[name].classList.toggle("lit", lit);
      boxes[name].setAttribute("aria-current", lit ? "step" : "false");
      boxes[name].replaceChildren(h("b", {}, `${lit ? "▶ " : ""}${title}`), ...lines.map((line) => h("span", {}, words(line))));
      arrows[name].replaceChildren(...now.boxes[name].arrow.split("\n").map((line) => h("small", {}, words(line))), h("span", {}, "→"));
    }
    move(now);
    facts.replaceChildren(...Object.entries(now.rows).flatMap(([name, text]) => [h("dt", {}, name), h("dd", {}, words(text))]));
    draw_growth(now);
    draw_times(now);
  }

  // 走着的是什么：问题 → 编号 → 打分 → 选出的词元 → 文字
  function move(now) {
    const carried = {A: "文字", B: "编号", C: "打分", D: now.moving, E: now.moving}[now.name];
    ball.textContent = carried;
    const box = boxes[now.name];
    ball.style.transform = `translate(${box.offsetLeft + box.offsetWidth / 2}px, ${box.offsetTop}px) translate(-50%, -60%)`;
  }

  // 每步一根柱子：实心的是算完的，▲ 在现在的一步下面
  function draw_growth(now) {
    const most = run.sizes.at(-1);
    const columns = run.sizes.map((size, place) => h("span", {class: place < now.done ? "column full" : "column",
      style: `height:${70 * size / most}px`, title: `第 ${place + 1} 步以后 ${size.toLocaleString("en")} 字节`}));
    const marks = run.sizes.map((_, place) => h("span", {}, place === now.done - 1 ? "▲" : ""));
    const said = now.done ? `现在 ${run.sizes[now.done - 1].toLocaleString("en")} 字节` : "现在 0：模型还没有算";
    const each = run.sizes.length > 1 ? `；第 1 步以后 ${run.sizes[0].toLocaleString("en")}，以后每步多 ${(run.sizes[1] - run.sizes[0]).toLocaleString("en")}` : "";
    growth.replaceChildren(h("p", {}, said + each), h("div", {class: "columns_of"}, ...columns), h("div", {class: "columns_of marks"}, ...marks));
  }

  // 这台电脑上的这一次：每个阶段的时间，▶ 是这一格所在的
  function draw_times(now) {
    const total = Object.values(run.seconds).reduce((sum, each) => sum + each, 0);
    const forward = `其中这一步的前向计算（第 ${now.step + 1} 步）`;
    const rows = [...Object.entries(run.seconds), [forward, run.forwards[now.step]]];
    times.replaceChildren(...rows.map(([name, seconds]) => h("div", {class: "line"},
      h("span", {}, `${name === now.time || (name === forward && now.name === "C") ? "▶ " : ""}${name}`),
      h("span", {class: "track"}, h("i", {style: `width:${100 * seconds / total}%`})),
      h("span", {}, `${(1000 * seconds).toFixed(1)} 毫秒`))), h("div", {}, `一共 ${total.toFixed(2)} 秒`));
  }
}
