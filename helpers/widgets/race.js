// 有没有 KV cache 的比赛：每一轮画一根柱子，高矮是送进模型几个词元；柱子的面积就是干的活
import {h, button, field, slider, desk} from "./view.js";

const NAMES = ["有 KV cache", "没有 KV cache"];

export function show(root, source, given) {
  const table = desk(root);
  let count = given.count;
  let ids = [];
  const lanes = NAMES.map(lane);

  function lane(name) {
    const title = h("b", {}, name);
    const facts = h("span", {class: "facts"});
    const stairs = h("div", {class: "stairs", "aria-hidden": "true"});
    const text = h("div", {class: "written", tabindex: "0"});
    const box = h("div", {class: "lane"}, h("div", {}, title, "　", facts), stairs, text);
    return {name, facts, stairs, text, box, fed: 0, seconds: 0, ids: []};
  }

  function clear() {
    for (const lane of lanes) {
      Object.assign(lane, {fed: 0, seconds: 0, ids: []});
      lane.stairs.replaceChildren();
      lane.text.textContent = "";
      draw(lane);
    }
  }

  async function ask() {
    ids = (await source.ask(question.input.value)).map((piece) => piece.id);
    clear();
    return `问题连同模板 ${ids.length} 个词元；按“开始”`;
  }

  async function race() {
    await ask();
    const running = source.race(ids, {count}, take);
    table.going = running;
    await running;
    return result();
  }

  function take(step) {
    const lane = lanes[step.lane];
    lane.fed += step.fed;
    lane.seconds += step.seconds;
    lane.ids.push(step.id);
    lane.text.textContent = step.written;
    lane.text.scrollTop = lane.text.scrollHeight;
    const height = 100 * step.fed / (ids.length + count);
    lane.stairs.append(h("i", {style: `height:${height}%;width:${100 / count}%`}));
    draw(lane);
    table.say(left());
  }

  function draw(lane) {
    const done = lane.ids.length;
    const speed = done ? `${(done / lane.seconds).toFixed(1)} 词元/秒` : "—";
    lane.facts.textContent = `写了 ${done} / ${count}，送进模型 ${lane.fed} 个，${lane.seconds.toFixed(2)} 秒，${speed}`;
  }

  // 照没有缓存的那一边现在的速度，还要多久（每送进一个词元的时间差不多）
  function left() {
    const slow = lanes[1];
    if (slow.ids.length < 3) return "正在比……按“停”可以停下来";
    const total = count * ids.length + count * (count - 1) / 2;
    const seconds = (total - slow.fed) * slow.seconds / slow.fed;
    const hint = seconds > 30 ? "；不想等就按“停”，把“写几个”调小再开始" : "";
    return `正在比……大约还要 ${Math.ceil(seconds)} 秒${hint}`;
  }

  function result() {
    const [fast, slow] = lanes;
    const place = fast.ids.findIndex((id, at) => id !== slow.ids[at]);
    if (slow.ids.length < count) {
      return `停了：${lanes.map((lane) => `${lane.name} 的写了 ${lane.ids.length} 个`).join("，")}；按“开始”从头再比`;
    }
    const times = (slow.seconds / fast.seconds).toFixed(1);
    const same = place < 0 ? "两边写的逐个核对过，完全相同"
      : `两边从第 ${place + 1} 个词元起不同：前几名差不多高时，16 位数的舍入就会换一个选`;
    return `各写 ${count} 个词元：有 KV cache 用 ${fast.seconds.toFixed(2)} 秒，没有用 ${slow.seconds.toFixed(2)} 秒，`
      + `前者的速度是后者的 ${times} 倍；${same}`;
  }

  const question = field("问题", given.question, () => table.latest(ask), {size: 30, "data-wait": true});
  const many = slider("写几个", {min: 10, max: 200, step: 10, value: count}, (value) => {
    count = value;
    table.latest(ask);
  });
  many.querySelector("input").dataset.wait = "true";
  root.append(
    h("div", {class: "top"}, question, many,
      button("开始", "两条赛道从头写起", () => table.run(race)),
      button("停", "停在现在的地方", () => table.stop(), false)),
    table.message,
    h("div", {class: "lanes"}, ...lanes.map((lane) => lane.box)));
  table.run(ask);
}
