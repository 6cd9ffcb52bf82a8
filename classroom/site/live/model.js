// 教学小模型：读编号，给出下一个词元的打分、注意力权重、每层会说出什么
//
// 三张 ONNX 图由 classroom/site/graph.py 写出，权重在共用的一个文件里
import {InferenceSession, Tensor, env} from "onnxruntime-web/wasm";

import {STAGES, best, createVocabulary, draw, shareOf, softmax, stages} from "./sampling.js";

const SHOWN = 6; // 画概率最大的几个
const WEIGHTS = "weights.bin";

// files: 各个文件的字节 → 准备好的图；inside 要看里面时才准备
export async function openGraphs(files) {
  env.wasm.wasmBinary = files.runtime;
  env.wasm.numThreads = 1; // 模型很小，分给几个线程反而慢；而且网页没有隔离时本来就只能一个
  const externalData = [{path: WEIGHTS, data: files.weights}];
  const open = (name) => InferenceSession.create(files[name], {externalData, logSeverityLevel: 3});
  const step = await open("step");
  const scores = await open("scores");
  return {step, scores, inside: () => open("inside")};
}

// graphs: openGraphs 的；text: text.js 的；about: 模型的各个数
export function createModel(graphs, text, about) {
  const vocabulary = createVocabulary(about.trained, about.vocabulary);
  const layers = about.layers;
  let inside = null;
  let read = {ids: [], cache: noCache()}; // KV cache 里已经有哪些编号
  let watched = {ids: null, maps: null}; // 上一次的注意力权重
  let known = {ids: null, scores: null}; // 上一次的打分：拖动滑块时不用再算

  // ---- KV cache ----

  function noCache() {
    return new Tensor("float32", [], [layers * 2, about.heads_kv, 0, about.width]);
  }

  // 只留前 length 个词元的
  function cropped(cache, length) {
    const [blocks, heads, total, width] = cache.dims;
    if (length === total) return cache;
    const kept = new Float32Array(blocks * heads * length * width);
    for (let block = 0; block < blocks * heads; block += 1) {
      const start = block * total * width;
      kept.set(cache.data.subarray(start, start + length * width), block * length * width);
    }
    return new Tensor("float32", kept, [blocks, heads, length, width]);
  }

  // ---- 一次前向 ----

  function inputs(ids, past) {
    const start = past.dims[2];
    const rows = integers(ids.map(vocabulary.row));
    const positions = integers(ids.map((_, at) => start + at));
    return {rows, positions, past};
  }

  // 最后一个位置的打分，一行一个，和接长了的 KV cache
  async function forward(ids, past) {
    const out = await graphs.step.run(inputs(ids, past));
    const last = out.state.data.slice(-about.hidden);
    const scores = await scoresOf(last, 1);
    return {scores, cache: out.cache};
  }

  // 几个位置的隐藏状态 → 打分，连在一起
  async function scoresOf(state, count) {
    const out = await graphs.scores.run({state: new Tensor("float32", state, [count, about.hidden])});
    return out.scores.data;
  }

  // 最后 count 个位置的打分，一个位置一列
  async function scoresAt(ids, count) {
    checkIds(ids);
    const out = await graphs.step.run(inputs(ids, noCache()));
    const last = out.state.data.slice(-count * about.hidden);
    return columns(await scoresOf(last, count), count);
  }

  // ids 后面那个词元的打分；前面和上一次相同的部分不再算
  async function scoresAfter(ids) {
    if (same(ids, known.ids)) return known.scores;
    const length = Math.min(sharedStart(read.ids, ids), ids.length - 1); // 至少送进最后一个
    const past = cropped(read.cache, length);
    const out = await forward(ids.slice(length), past);
    read = {ids: [...ids], cache: out.cache};
    known = {ids: [...ids], scores: out.scores};
    return out.scores;
  }

  // ---- 下一个词元 ----

  async function next(ids, settings) {
    const {taken, members} = await settled(ids, settings);
    const shares = taken.map(softmax);
    const found = [...best(taken[0], members, SHOWN), ...best(taken.at(-1), members, SHOWN)];
    const once = new Map(found.map((one) => [one.id, one]));
    const rows = Array.from(once.values(), (one) => {
      const each = taken.map((stage, at) => shareOf(stage, shares[at], one));
      return {...text.named(one.id), shares: each};
    });
    return {stages: STAGES, rows};
  }

  async function drawOne(ids, settings) {
    const {taken, members} = await settled(ids, settings);
    const drawn = draw(taken.at(-1), members, Math.random());
    return {...text.named(drawn.id), share: drawn.share};
  }

  // 每用上一样设置以后的分布
  async function settled(ids, settings) {
    checkIds(ids);
    const spread = vocabulary.spread(await scoresAfter(ids), ids);
    return {taken: stages(spread, settings, vocabulary.size), members: spread.members};
  }

  // 每次选第一名，一步一步地写，写出结束词元或满 count 个为止；never 里的不选。给出编号、打分、送进几个、秒数
  async function* steps(ids, {count, cached, never = []}) {
    checkIds(ids);
    checkCount(count);
    let fed = ids;
    let cache = noCache();
    for (let at = 0; at < count; at += 1) {
      const begin = performance.now();
      const out = await forward(fed, cache);
      const seconds = (performance.now() - begin) / 1000;
      const {id, share} = vocabulary.first(out.scores, never);
      yield {id, share, scores: out.scores, fed: fed.length, seconds};
      if (about.stops.includes(id)) return;
      cache = cached ? out.cache : cache;
      fed = cached ? [id] : [...fed, id];
      await breath();
    }
  }

  // 写下去，每写一个告诉 onStep；stopped() 是真时停下
  async function write(ids, {count, use_cache: cached = true}, onStep, stopped) {
    for await (const {id, share, fed, seconds} of steps(ids, {count, cached})) {
      onStep({...text.named(id), share, fed, seconds});
      if (stopped()) return;
    }
  }

  // ---- 里面 ----

  async function look(ids) {
    checkIds(ids);
    inside ??= await graphs.inside();
    return inside.run(inputs(ids, noCache()));
  }

  // 换一个位置、一个头看时不再算
  async function attention(ids) {
    if (same(ids, watched.ids)) return watched.maps;
    const {attention: weights} = await look(ids);
    const [, heads, size] = weights.dims;
    watched = {ids: [...ids], maps: {layers, heads, size, weights: weights.data}};
    return watched.maps;
  }

  // 每算完一层告诉 onStep，stopped() 是真时停下
  async function lens(ids, onStep, stopped) {
    const {states} = await look(ids);
    const size = ids.length * about.hidden;
    const cells = [];
    for (let layer = 0; layer <= layers && !stopped(); layer += 1) {
      const state = states.data.slice(layer * size, (layer + 1) * size);
      const scores = await scoresOf(state, ids.length);
      cells.push(columns(scores, ids.length).map(cell));
      onStep(cells.at(-1));
      await breath();
    }
    return {layers: layerNames(), cells};
  }

  function cell(scores) {
    const {id, share} = vocabulary.first(scores);
    return {id, label: text.named(id).label, share};
  }

  function layerNames() {
    const names = Array.from({length: layers + 1}, (_, layer) => String(layer));
    names[0] += " 词嵌入";
    names[layers] += " 输出";
    return names;
  }

  // ---- 输入应是什么 ----

  function checkIds(ids) {
    const last = vocabulary.size - 1;
    const low = Math.min(...ids);
    const high = Math.max(...ids);
    if (ids.length === 0) {
      throw new Error("input_ids 的形状应是 (1, n)、n 至少是 1，现在是 (1, 0)；一维的用 [None] 加一维");
    }
    if (low < 0 || high > last) {
      throw new Error(`编号应在 0 到 ${last} 之间，现在有 ${low} 到 ${high}；检查分词器和模型是不是一对`);
    }
    if (ids.length > about.longest) {
      throw new Error(`输入应不超过 ${about.longest} 个词元，现在有 ${ids.length} 个；把文字缩短再试`);
    }
  }

  function checkCount(count) {
    if (!(Number.isInteger(count) && count >= 1)) {
      throw new Error(`max_new_tokens 应是 1 或更大的整数，现在是 ${count}；例如 50`);
    }
  }

  const asked = {next, draw: drawOne, write, attention, lens}; // 画面问的
  return {...asked, asked, steps, scoresAt, row: vocabulary.row, top: vocabulary.top};
}

function integers(numbers) {
  return new Tensor("int64", BigInt64Array.from(numbers, BigInt), [numbers.length]);
}

// 连在一起的 → count 列
function columns(numbers, count) {
  const width = numbers.length / count;
  return Array.from({length: count}, (_, at) => numbers.slice(at * width, (at + 1) * width));
}

function same(left, right) {
  return right !== null && left.length === right.length && sharedStart(left, right) === left.length;
}

// 两列编号开头有几个相同
function sharedStart(left, right) {
  const at = left.findIndex((id, place) => id !== right[place]);
  return at === -1 ? left.length : at;
}

// 让出一会儿，“停”才收得到；setTimeout 每次要等 4 毫秒，所以用它
function breath() {
  return new Promise((done) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      channel.port1.close();
      done();
    };
    channel.port2.postMessage(null);
  });
}
