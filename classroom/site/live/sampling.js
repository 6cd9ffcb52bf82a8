// 从打分到下一个词元：与 helpers/sampling.py 的 stages 相同
//
// 模型只算训练过的各行的打分，最后一行代表其余所有编号（它们的打分一样）。所以这里的每一行有一个“几份”：
// 训练过的是一份，最后一行是十四万多份。出现过的、没有训练过的编号要单独扣分，先从那一行里分出来。

export const STAGES = ["原来", "重复惩罚", "温度", "top-k", "top-p"];
const NEAR = 2; // 打分差这么多，概率差七倍

// 训练过的编号和整个词表的大小 → 一行行的词表
export function createVocabulary(trained, size) {
  const rowOf = new Map(trained.map((id, row) => [id, row]));
  const others = Array.from({length: size}, (_, id) => id).filter((id) => !rowOf.has(id));
  const rest = trained.length; // 最后一行
  const plain = new Float64Array(rest + 1).fill(1); // 各行有几份
  plain[rest] = others.length;

  // 一个编号在模型里是第几行
  function row(id) {
    return rowOf.get(id) ?? rest;
  }

  // 各行的打分 → 分布；seen 里没有训练过的编号各占一行，排在最后
  function spread(scores, seen = []) {
    const once = [...new Set(seen)];
    const apart = once.filter((id) => !rowOf.has(id));
    const long = new Float32Array(scores.length + apart.length).fill(scores[rest]);
    long.set(scores);
    const counts = new Float64Array(long.length).fill(1);
    counts[rest] = others.length - apart.length;
    const seenRows = once.map((id) => rowOf.get(id) ?? rest + 1 + apart.indexOf(id));
    return {start: {scores: long, counts}, seenRows, members: (at) => membersOf(at, apart)};
  }

  // 第 at 行是哪些编号，从小到大
  function membersOf(at, apart) {
    if (at < rest) return [trained[at]];
    if (at > rest) return [apart[at - rest - 1]];
    return others.filter((id) => !apart.includes(id));
  }

  // 打分最高的编号和它的概率；never 里的不选
  function first(scores, never = []) {
    const allowed = scores.slice();
    for (const id of never) allowed[row(id)] = -Infinity;
    const at = allowed.indexOf(largest(allowed));
    return {id: trained[at] ?? others[0], share: softmax({scores, counts: plain})[at]};
  }

  // 打分最高的 many 个
  function top(scores, many) {
    return best({scores, counts: plain}, (at) => membersOf(at, []), many);
  }

  return {row, spread, first, top, size};
}

// ---- 一样一样的设置 ----

// 每用上一样以后的分布，次序同 STAGES
export function stages({start, seenRows}, {penalty, temperature, top_k: k, top_p: p}, size) {
  const penalized = penalize(start, seenRows, penalty);
  const scaled = withTemperature(penalized, temperature);
  const kept = k ? keepTopK(scaled, k, size) : scaled;
  return [start, penalized, scaled, kept, keepTopP(kept, p)];
}

function penalize(stage, rows, penalty) {
  if (!(penalty > 0)) throw new Error(`重复惩罚应大于 0，现在是 ${penalty}；1 是不惩罚，常用 1.1`);
  if (penalty === 1) return stage;
  const lowered = stage.scores.slice();
  for (const row of rows) {
    const score = stage.scores[row];
    lowered[row] = score < 0 ? score * penalty : score / penalty;
  }
  return {scores: lowered, counts: stage.counts};
}

function withTemperature(stage, temperature) {
  if (!(temperature > 0)) {
    throw new Error(`温度应大于 0，现在是 ${temperature}；每次都想要第一名时不用温度，写 do_sample=False`);
  }
  return {scores: stage.scores.map((score) => score / temperature), counts: stage.counts};
}

// 只留打分最高的 k 个，并列的都留
function keepTopK({scores, counts}, k, size) {
  if (!(k >= 1 && k <= size)) throw new Error(`k 应在 1 到词表大小 ${size} 之间，现在是 ${k}；常用 20 或 50`);
  let taken = 0;
  let lowest = -Infinity;
  for (const row of highestFirst(scores)) {
    taken += counts[row];
    lowest = scores[row];
    if (taken >= k) break;
  }
  return {scores: scores.map((score) => (score < lowest ? -Infinity : score)), counts};
}

// 从概率最大的开始留，直到加起来够 p；一行有许多份时，可能只留几份
function keepTopP({scores, counts}, p) {
  if (!(p > 0 && p <= 1)) throw new Error(`p 应大于 0、不超过 1，现在是 ${p}；常用 0.8 或 0.9`);
  if (p === 1) return {scores, counts};
  const shares = softmax({scores, counts});
  const kept = {scores: new Float32Array(scores.length).fill(-Infinity), counts: counts.slice()};
  let before = 0;
  for (const row of highestFirst(scores)) {
    if (before >= p) break;
    const room = Math.ceil((p - before) / shares[row]); // 还放得下几份
    kept.scores[row] = scores[row];
    kept.counts[row] = Math.min(counts[row], room);
    before += shares[row] * counts[row];
  }
  return kept;
}

// 各行，打分高的在前。全部排一次在手机上要几十毫秒，多半只用得到开头几个，所以一段一段地排，每段比前一段宽一倍
function* highestFirst(scores) {
  const highest = largest(scores);
  const descending = (left, right) => scores[right] - scores[left];
  let left = Array.from(scores.keys()).filter((row) => scores[row] > -Infinity);
  for (let gap = NEAR; left.length > 0; gap *= 2) {
    const lowest = highest - gap;
    yield* left.filter((row) => scores[row] >= lowest).sort(descending);
    left = left.filter((row) => scores[row] < lowest);
  }
}

// 每行的一份有多大概率
export function softmax({scores, counts}) {
  const highest = largest(scores);
  const weights = new Float64Array(scores.length);
  let total = 0;
  for (let row = 0; row < scores.length; row += 1) {
    weights[row] = Math.exp(scores[row] - highest);
    total += weights[row] * counts[row];
  }
  return weights.map((weight) => weight / total);
}

function largest(numbers) {
  return numbers.reduce((left, right) => Math.max(left, right));
}

// ---- 选 ----

// 概率最大的 many 个编号：[{id, row, copy, share}]，copy 是那一行的第几份
export function best(stage, members, many) {
  const shares = softmax(stage);
  const found = [];
  for (const row of highestFirst(stage.scores)) {
    if (found.length >= many || shares[row] === 0) break;
    const room = Math.min(stage.counts[row], many - found.length);
    members(row).slice(0, room).forEach((id, copy) => found.push({id, row, copy, share: shares[row]}));
  }
  return found;
}

// 那一份在这一步的概率；去掉了是 0
export function shareOf(stage, shares, {row, copy}) {
  return copy < stage.counts[row] ? shares[row] : 0;
}

// 抽一个；chance 在 0 到 1 之间
export function draw(stage, members, chance) {
  const shares = softmax(stage);
  let left = chance;
  let last = null;
  for (const row of highestFirst(stage.scores)) {
    if (shares[row] === 0) break;
    const copy = Math.floor(left / shares[row]);
    if (copy < stage.counts[row]) return {id: members(row)[copy], share: shares[row]};
    left -= shares[row] * stage.counts[row];
    last = row;
  }
  return {id: members(last)[0], share: shares[last]}; // 舍入误差让 chance 剩下一点点
}
