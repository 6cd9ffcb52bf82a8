// 文字、编号、字节之间：与 helpers/tokens.py、helpers/bpe.py 的结果相同，错误的话也相同
import {Tokenizer} from "@huggingface/tokenizers";

const MOST_TEXT = 10_000; // 一次最多切几个字符
const MOST_BYTES = 60; // 合并只演示这么长的段
const MOST_ASKED = 200; // 问题连同模板最多几个词元
const REACH = 3; // 邻居：前后各几个
const SIGNS = new Map([[" ", "␣"], ["\n", "↵"], ["\t", "⇥"]]);
const BLANK = /^[\p{White_Space}\x1c-\x1f]*$/u; // Python 的 strip 去掉的
const HIDDEN = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]/g;
const HALF = /[\ud800-\udfff]/u; // 有 u 时只认落单的

// ---- 样子 ----

function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

function visible(text) {
  return Array.from(text, visibleLetter).join("");
}

function visibleLetter(letter) {
  const sign = SIGNS.get(letter);
  if (sign) return sign;
  if (/[\p{Cc}\p{Cf}]/u.test(letter)) return visibleBytes(new TextEncoder().encode(letter));
  return letter;
}

function visibleBytes(bytes) {
  return `‹${hex(bytes)}›`;
}

// 太长就截断；换行写成 ↵，看不见的控制字符写成编号
function shorten(text, most = 40) {
  const letters = [...text];
  const kept = letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : text;
  return kept.replace(HIDDEN, codeOf).replaceAll("\n", "↵");
}

function codeOf(letter) {
  const code = letter.charCodeAt(0).toString(16);
  return `‹${code.padStart(2, "0")}›`;
}

// 半个字写成它的字节
function label(bytes) {
  try {
    return visible(new TextDecoder("utf-8", {fatal: true, ignoreBOM: true}).decode(bytes));
  } catch {
    return visibleBytes(bytes);
  }
}

// ---- 文字应是什么 ----

export function checkText(text) {
  if (text === "") throw new Error("应是至少一个字的文字，现在是空的；写几个字再试，例如 \"你好\"");
  const half = HALF.exec(text);
  if (half) {
    const code = half[0].charCodeAt(0).toString(16);
    throw new Error(`应是完整的文字，现在里面有半个字符 '\\u${code}'；删掉它再试（复制时切断了一个表情，就会这样）`);
  }
}

function checkLength(text) {
  const count = [...text].length;
  if (count > MOST_TEXT) {
    throw new Error(`文字应不超过 ${MOST_TEXT} 个字符，现在有 ${count} 个；删短再试，下面还是上一段`);
  }
}

function checkBlank(question) {
  if (BLANK.test(question)) checkText("");
}

function checkAsked(count) {
  if (count > MOST_ASKED) {
    throw new Error(`问题应不超过 ${MOST_ASKED} 个词元（连同模板），` +
      `现在有 ${count} 个；缩短再试，下面还是上一个问题`);
  }
}

// ---- 分词器 ----

// content: tokenizer.json；about: 代表每个字节的字符，对话模板在问题前后的文字，这两样由 export.py 从 Python 抄来
export function createText(content, about) {
  const tokenizer = new Tokenizer(content, {});
  const model = tokenizer.model;
  const added = new Map(content.added_tokens.map((token) => [token.content, token.id]));
  const addedIds = new Set(added.values());
  const hidden = new Set(content.added_tokens.filter((token) => token.special).map((token) => token.id));
  const size = model.vocab.length;
  const letters = Array.from(about.letters); // 第几个字节用哪个字符代表
  const byteOf = new Map(letters.map((letter, byte) => [letter, byte]));
  const marks = new RegExp(`(${[...added.keys()].map(escaped).join("|")})`);

  // ---- 一个词元 ----

  function bytesOf(id) {
    const token = model.vocab[id];
    if (addedIds.has(id)) return new TextEncoder().encode(token);
    return spelled(token);
  }

  // 词表里的写法 → 字节。例: "Ġa" → 20 61
  function spelled(token) {
    return Uint8Array.from(token, (letter) => byteOf.get(letter));
  }

  // 几个编号 → 文字；拼不成字的字节是 �
  function decodeAll(ids) {
    const bytes = ids.filter((id) => id < size).flatMap((id) => [...bytesOf(id)]);
    return new TextDecoder("utf-8", {ignoreBOM: true}).decode(Uint8Array.from(bytes));
  }

  // 不要特殊词元
  function decode(ids) {
    return decodeAll(ids.filter((id) => !hidden.has(id)));
  }

  function isWhole(id) {
    return !decodeAll([id]).includes("�");
  }

  function piece(id) {
    const bytes = bytesOf(id);
    return {id, label: label(bytes), hex: hex(bytes), special: addedIds.has(id)};
  }

  // 模型可能给出的编号：词表末尾空着的没有文字
  function named(id) {
    const stop = about.stops.includes(id);
    if (id >= size) return {id, label: `#${id}`, hex: "", special: false, stop};
    return {...piece(id), stop};
  }

  // ---- 切分 ----

  // 合并之前切成的小段，每段是几个相连的编号；附加词元自己是一段
  // WebKit 2.50（Safari）的正则把 U+F800–FBFF、U+FC00–FFFF 相连的两个字符当成一个，“﨎，”这样极少见的文字就切得不同
  function segments(text) {
    return text.split(marks).filter((part) => part !== "").flatMap(segmentsOfPart);
  }

  function segmentsOfPart(part) {
    if (added.has(part)) return [[added.get(part)]];
    const words = tokenizer.pre_tokenizer(tokenizer.normalizer(part));
    return words.map((word) => model([word]).map((token) => model.tokens_to_ids.get(token)));
  }

  function idsOf(text) {
    return segments(text).flat();
  }

  function cut(text) {
    checkLength(text);
    checkText(text);
    const found = segments(text).map((ids) => ids.map(piece));
    return {text: tokenizer.normalizer(text), segments: found};
  }

  function ask(question) {
    checkText(question);
    checkBlank(question);
    const ids = idsOf(about.before + question + about.after);
    checkAsked(ids.length);
    return ids.map(piece);
  }

  function near(id) {
    if (!(Number.isInteger(id) && id >= 0 && id < size)) {
      throw new Error(`编号应在 0 到 ${size - 1} 之间，现在是 ${id}；用 tokenizer(文字).input_ids 得到编号`);
    }
    const first = Math.max(id - REACH, 0);
    const last = Math.min(id + REACH, size - 1);
    return Array.from({length: last - first + 1}, (_, at) => piece(first + at));
  }

  // ---- 合并 ----

  function merges(ids) {
    const bytes = whole(ids);
    const obstacle = obstacleOf(ids, bytes);
    if (obstacle) return {obstacle, steps: []};
    return {obstacle: null, steps: mergeSteps(bytes)};
  }

  // 一段的字节，像 Python 那样先变成文字
  function whole(ids) {
    return new TextEncoder().encode(decodeAll(ids));
  }

  function obstacleOf(ids, bytes) {
    if (addedIds.has(ids[0])) return "这是附加词元，整个写在词表里，不来自合并";
    if (bytes.length <= MOST_BYTES) return null;
    return `合并只演示不超过 ${MOST_BYTES} 个字节的段，这一段有 ${bytes.length} 个；选别的段，或者把文字改短`;
  }

  // 从单个字节起，每步合并次序最靠前的一对；一样靠前的，先合左边的
  function mergeSteps(bytes) {
    const parts = Array.from(bytes, (byte) => letters[byte]);
    const steps = [{at: null, rank: null, parts: parts.map(part)}];
    for (;;) {
      const best = nextMerge(parts);
      if (best === null) return steps;
      parts.splice(best.at, 2, parts[best.at] + parts[best.at + 1]); // toSpliced 在 Chrome 109 里还没有
      steps.push({...best, parts: parts.map(part)});
    }
  }

  function nextMerge(parts) {
    let best = null;
    for (let at = 0; at + 1 < parts.length; at += 1) {
      const rank = model.bpe_ranks.get(JSON.stringify([parts[at], parts[at + 1]]));
      if (rank !== undefined && (best === null || rank < best.rank)) best = {at, rank};
    }
    return best;
  }

  function part(token) {
    const bytes = spelled(token);
    return {label: label(bytes), hex: hex(bytes), id: model.tokens_to_ids.get(token)};
  }

  const asked = {cut, merges, near, ask}; // 画面问的
  return {...asked, asked, piece, named, idsOf, decode, decodeAll, isWhole, shorten, checkText, size};
}

function escaped(text) {
  return text.replace(/[|\\{}()[\]^$+*?.<>/]/g, "\\$&");
}
