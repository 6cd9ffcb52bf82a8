// 慢动作的一格一格：与 helpers/pipeline.py、helpers/widgets/slow_motion.py 写的字相同（tests 里逐字核对）

const PREPARING = "套模板、分词"; // 一次运行的时间分成四项
const FIRST_TOKEN = "读问题，写第一个词元";
const OTHER_TOKENS = "写其余的词元";
const DECODING = "解码";
const BEST = 3; // 写出概率最大的几个

export function runOf(text, model, about) {
  const {shorten, decode} = text;

  // 生成一遍：每写出一步报告 count，最后给出 run
  async function frames(question, most, onStep, stopped) {
    text.ask(question); // 不能用的问题在这里报错
    const watch = stopwatch();
    const whole = about.before + question + about.after;
    const run = {question, whole, ids: text.idsOf(whole), steps: []};
    watch.lap(PREPARING);
    for await (const step of model.steps(run.ids, {count: most, cached: true})) {
      run.steps.push({...step, best: model.top(step.scores, BEST), tokens: run.ids.length + run.steps.length});
      if (run.steps.length === 1) watch.lap(FIRST_TOKEN);
      onStep({count: run.steps.length});
      if (stopped()) return;
    }
    watch.lap(OTHER_TOKENS);
    decode(run.steps.map(({id}) => id));
    watch.lap(DECODING);
    onStep({run: finished(run, watch.seconds, most)});
  }

  // 一次运行，画面要的样子
  function finished(run, seconds, most) {
    const made = placesOf(run).map((place) => frame({run, ...place}));
    made.at(-1).rows["出来"] += ending(run, most);
    return {
      frames: made,
      sizes: run.steps.map(({tokens}) => cacheBytes(tokens)),
      forwards: run.steps.map((step) => step.seconds),
      seconds,
    };
  }

  function ending({steps}, most) {
    if (about.stops.includes(steps.at(-1).id)) return "（写出了结束词元，停）";
    return `（写满了 ${most} 步，停）`;
  }

  function frame(now) {
    const boxes = boxesOf(now);
    const lit = boxes[now.name];
    const title = `第 ${now.at + 1} 步 · ${lit.stage}`;
    const done = "AB".includes(now.name) ? now.at : now.at + 1;
    const drawn = Object.entries(boxes).map(([name, {text: words, arrow}]) => [name, {text: words, arrow}]);
    return {
      name: now.name,
      step: now.at,
      done,
      rows: {"阶段": title, "进去": lit.taken, "出来": lit.made, "形状": lit.shapes, "KV cache": cacheOf(now.run, done)},
      boxes: Object.fromEntries(drawn),
      moving: text.decodeAll([now.run.steps[now.at].id]),
      time: timeItem(now),
    };
  }

  // ---- KV cache ----

  function factors(tokens) {
    return [[about.layers, "层"], [2, "key 和 value"], [about.heads_kv, "KV 头"], [about.width, "每个头的宽度"],
      [tokens, "词元"], [4, "每个数的字节"]];
  }

  function cacheBytes(tokens) {
    return factors(tokens).reduce((product, [number]) => product * number, 1);
  }

  function cacheOf(run, done) {
    if (done === 0) return "0 字节：模型还没有算";
    const {tokens} = run.steps[done - 1];
    const product = factors(tokens).map(([number, name]) => `${number}（${name}）`).join("× ");
    return `${grouped(cacheBytes(tokens))} 字节 = ${product}`;
  }

  // ---- 五个方框 ----

  function boxesOf(now) {
    return {A: questionBox(now), B: idsBox(now), C: modelBox(now), D: choiceBox(now), E: answerBox(now)};
  }

  function questionBox({run: {question, whole}}) {
    return {
      stage: "输入文本",
      text: `输入文本\n${shorten(question)}`,
      taken: `问题：${shorten(question, 60)}`,
      made: `套了模板的文字：${shorten(whole, 60)}`,
      shapes: `${count(question)} 个字符 → ${count(whole)} 个字符`,
      arrow: "",
    };
  }

  function idsBox(now) {
    const ids = idsAt(now);
    const length = ids.length;
    const drawn = {text: `数字 Token\n${some(ids)}\n形状 (1, ${length})`, arrow: "套模板\nTokenizer"};
    if (now.at === 0) return {...firstIds(now, ids), ...drawn};
    return {
      stage: "接上新词元",
      taken: `上一步选出的词元：${ids.at(-1)} ${word(ids.at(-1))}`,
      made: `接在末尾：${some(ids, 8)}；前面的都在 KV cache 里，只送最后 1 个`,
      shapes: `(1, ${length - 1}) → (1, ${length})，送进模型的是 (1, 1)`,
      ...drawn,
    };
  }

  function firstIds({run: {whole}}, ids) {
    return {
      stage: "分词",
      taken: `套了模板的文字：${shorten(whole, 60)}`,
      made: `编号：${some(ids, 8)}`,
      shapes: `${count(whole)} 个字符 → input_ids (1, ${ids.length})`,
    };
  }

  function modelBox(now) {
    const {fed} = now.run.steps[now.at];
    const size = about.vocabulary;
    return {
      stage: "模型计算",
      text: `Qwen 模型\n送进 ${fed} 个词元\nlogits (1, ${fed}, ${size})`,
      taken: `${fed} 个词元的编号：${some(idsAt(now).slice(-fed), 8)}`,
      made: `每个位置给 ${grouped(size)} 个编号各打一个分`,
      shapes: `input_ids (1, ${fed}) → logits (1, ${fed}, ${size})`,
      arrow: "输入",
    };
  }

  function choiceBox(now) {
    const {id, best} = now.run.steps[now.at];
    const chosen = `${id} ${word(id)}`;
    const likely = best.map((one) => `${word(one.id)} ${one.share.toFixed(2)}`);
    const known = "DE".includes(now.name); // 还没有走到时，图里不写
    return {
      stage: "选出词元",
      text: `输出 Token 第 ${now.at + 1} 步\n${known ? chosen : "？"}`,
      taken: `最后一个位置的打分，softmax 以后前三名：${likely.join("　")}`,
      made: `概率最大的词元：${chosen}`,
      shapes: `logits[0, -1] (${about.vocabulary},) → 1 个编号`,
      arrow: known ? likely.join("\n") : "计算概率",
    };
  }

  function answerBox(now) {
    const written = now.run.steps.slice(0, now.at + 1).map(({id}) => id);
    if (now.name !== "E") written.pop();
    const answer = decode(written);
    return {
      stage: "解码",
      text: `最终回答\n${shorten(answer)}`,
      taken: `到这一步写出的编号：${some(written, 8)}`,
      made: `文字：${shorten(answer, 60)}`,
      shapes: `(${written.length},) → ${count(answer)} 个字符`,
      arrow: "Detokenizer",
    };
  }

  function word(id) {
    return shorten(text.named(id).label);
  }

  return frames;
}

// 第一步从 A 走到 E，以后每步从 B 开始
function placesOf({steps}) {
  const later = steps.flatMap((_, at) => Array.from("BCDE", (name) => ({at, name})));
  return [{at: 0, name: "A"}, ...later];
}

// 这一步的全部输入：问题的编号，接上以前写出的
function idsAt({run, at}) {
  return [...run.ids, ...run.steps.slice(0, at).map(({id}) => id)];
}

function timeItem({name, at}) {
  if (name === "E") return DECODING;
  if (at > 0) return OTHER_TOKENS;
  return "AB".includes(name) ? PREPARING : FIRST_TOKEN;
}

// 列表太长时只写开头和结尾
function some(items, most = 6) {
  const half = Math.floor(most / 2);
  if (items.length <= most) return items.join(" ");
  return [...items.slice(0, half), "…", ...items.slice(-half)].join(" ");
}

function count(text) {
  return [...text].length;
}

function grouped(number) {
  return number.toLocaleString("en-US");
}

function stopwatch() {
  const seconds = {};
  let start = performance.now();
  function lap(name) {
    const now = performance.now();
    seconds[name] = (now - start) / 1000;
    start = now;
  }
  return {seconds, lap};
}
