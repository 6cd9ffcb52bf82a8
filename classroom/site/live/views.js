// 各个视图另外要问的：与 helpers/widgets 里各个视图的 Source 的方法名字一样，结果也一样
import {runOf} from "./frames.js";
import {softmax} from "./sampling.js";

const MOST_POSITIONS = 64; // 里面：一次最多看几个词元
const MOST_GUESSED = 200; // 你来当模型：一段文字最多几个词元
const GIVEN_TOKENS = 3; // 没有问题时先给出几个词元
const OPTIONS = 6;
const BEST_OF = 60; // 从前几名里找没有半个字的
const LABEL_LENGTH = 16;
const ONCE_MORE = "改好再试，现在猜的还是上一段";

export function createViews(text, model, about) {
  // ---- 有没有 KV cache 的比赛 ----

  // 谁用的时间少就轮到谁写下一个；话说完了也接着写，两条赛道才一样长
  async function race(ids, {count}, onStep, stopped) {
    const options = {count, never: about.stops};
    await model.steps(ids, {count: 1, cached: true}).next(); // 第一次计算要准备内存，不算在成绩里
    const lanes = [true, false].map((cached) => lane(model.steps(ids, {...options, cached})));
    let going = [0, 1];
    while (going.length && !stopped()) {
      const [first, second] = going;
      const at = lanes[second]?.seconds < lanes[first].seconds ? second : first; // 谁用的时间少就轮到谁
      const step = await advanced(lanes[at]);
      if (lanes[at].written.length === count) going = going.filter((one) => one !== at);
      onStep({lane: at, id: step.id, fed: step.fed, seconds: step.seconds, written: text.decode(lanes[at].written)});
    }
  }

  function lane(steps) {
    return {steps, seconds: 0, written: []};
  }

  async function advanced(lane) {
    const {value} = await lane.steps.next();
    lane.seconds += value.seconds;
    lane.written.push(value.id);
    return value;
  }

  // ---- 你来当模型 ----

  // 照文字猜下去的每一轮：六个候选，模型给它们的概率和意外
  async function rounds(question, words, seed) {
    const asked = question.trim();
    const {before, rest} = divided(question, words);
    const scores = await model.scoresAt([...before, ...rest.slice(0, -1)], rest.length);
    const chance = randomNumbers(seed);
    const found = rest.map((truth, at) => round(scores[at], truth, chance));
    return {asked, shown: asked ? [] : before.map(text.piece), rounds: found};
  }

  // 先给模型看的编号，要猜的编号
  function divided(question, words) {
    text.checkText(words.trim());
    const asked = question.trim() ? text.ask(question).map(({id}) => id) : [];
    const given = asked.length ? 0 : GIVEN_TOKENS;
    const ids = text.idsOf(words);
    if (!(given < ids.length && ids.length <= MOST_GUESSED)) {
      throw new Error(`文字应有 ${given + 1} 到 ${MOST_GUESSED} 个词元，现在有 ${ids.length} 个；${ONCE_MORE}`);
    }
    const stops = ids.slice(0, -1).filter((id) => about.stops.includes(id));
    if (stops.length) {
      const name = text.piece(Math.min(...stops)).label;
      throw new Error(`结束词元应只在文字的末尾，现在中间有 ${name}；${ONCE_MORE}`);
    }
    return {before: [...asked, ...ids.slice(0, given)], rest: ids.slice(given)};
  }

  function round(scores, truth, chance) {
    const options = shuffled(optionsOf(scores, truth), chance);
    const ours = Float64Array.from(options, (id) => scores[model.row(id)]);
    const shares = softmax({scores: ours, counts: ours.map(() => 1)});
    const rows = options.map((id, at) => ({id, label: short(id), share: shares[at]}));
    return {truth, options: rows, bits: Math.log2(1 / shares[options.indexOf(truth)])};
  }

  // 真正的下一个，和模型最看好的另外五个；半个字的不要，它一看就不是
  function optionsOf(scores, truth) {
    const best = model.top(scores, BEST_OF).map(({id}) => id);
    const others = best.filter((id) => id < text.size && id !== truth && text.isWhole(id));
    return [truth, ...others.slice(0, OPTIONS - 1)].sort((left, right) => left - right);
  }

  function short(id) {
    return text.shorten(text.piece(id).label, LABEL_LENGTH);
  }

  // ---- 里面 ----

  // 文字（套上模板）的词元
  function positions(words, template) {
    text.checkText(words.trim());
    const ids = text.idsOf(template ? about.before + words + about.after : words);
    if (ids.length > MOST_POSITIONS) {
      throw new Error(`应是 1 到 ${MOST_POSITIONS} 个词元（模板也算），现在有 ${ids.length} 个；` +
        "缩短再试，下面还是上一段文字");
    }
    return ids.map(text.piece);
  }

  // 第 query 个位置看它自己和前面的：[层][头][位置]；头 0 是所有的头平均
  async function looks(ids, query) {
    const maps = await model.attention(ids);
    const row = (layer, head) => rowOf(maps, layer, head, query).slice(0, query + 1);
    return each(maps.layers, (layer) => each(maps.heads + 1, (head) => rounded(row(layer, head))));
  }

  // 一层一个头的整张图：[谁在看][看谁]
  async function attentionMap(ids, layer, head) {
    const maps = await model.attention(ids);
    return each(maps.size, (query) => rounded(rowOf(maps, layer, head, query)));
  }

  return {race, rounds, positions, looks, attention_map: attentionMap, frames: runOf(text, model, about)};
}

// 一行权重；头 0 是平均，头 1 起是各个头
function rowOf(maps, layer, head, query) {
  if (head === 0) return averageRow(maps, layer, query);
  const start = ((layer * maps.heads + head - 1) * maps.size + query) * maps.size;
  return Array.from(maps.weights.subarray(start, start + maps.size));
}

function averageRow(maps, layer, query) {
  const rows = each(maps.heads, (head) => rowOf(maps, layer, head + 1, query));
  return rows[0].map((_, at) => rows.reduce((sum, row) => sum + row[at], 0) / rows.length);
}

function rounded(weights) {
  return weights.map((weight) => Math.round(weight * 1e4) / 1e4);
}

function each(count, make) {
  return Array.from({length: count}, (_, at) => make(at));
}

// ---- 打乱 ----

// 种子固定，次序就固定（mulberry32）
function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffled(items, chance) {
  const left = [...items];
  return items.map(() => left.splice(Math.floor(chance() * left.length), 1)[0]);
}
