// 网页自己的分词器和模型，方法的名字和 helpers/widgets/source.py 的一样，画面不用知道是谁在回答
//
// const engine = await open("live/", ({loaded, total}) => …);
// const {text, segments} = await engine.cut("你好");
import code from "./built/worker.txt"; // worker.js 和它用的一切，见 package.json
import {loadFiles} from "./files.js";
import {asking} from "./view.js"; // helpers/widgets 里的，export.py 复制过来

const opened = new Map(); // 一个网页上的几个视图共用一个模型

// base: 放着 export.py 写的文件的文件夹；onload({loaded, total}): 每取到一个文件就叫一次。失败了可以再来
export function open(base, onload = () => {}) {
  const address = new URL(base, document.baseURI).href;
  if (!opened.has(address)) {
    const engine = start(address, onload);
    opened.set(address, engine);
    engine.catch(() => opened.delete(address));
  }
  return opened.get(address);
}

const METHODS = ["cut", "merges", "near", "ask", "next", "draw", "write", "lens",
  "race", "rounds", "frames", "positions", "looks", "attention_map"];

// 每个方法的最后一个参数可以是函数：每来一步叫它一次
async function start(address, onload) {
  const files = await loadFiles(address, onload);
  const call = connected();
  await call("open", files);
  const ask = (name) => (...inputs) => call(name, ...inputs);
  const engine = Object.fromEntries(METHODS.map((name) => [name, ask(name)]));
  engine.attention = async (ids) => maps(await call("attention", ids));
  engine.ready = async () => true;
  return engine;
}

// 一次拿到全部权重，看哪张取哪张。get(层, 头) 是 n 行，每行 n 个数
function maps({layers, heads, size, weights}) {
  async function get(layer, head) {
    const start = (layer * heads + head) * size * size;
    return Array.from({length: size}, (_, at) => {
      const row = start + at * size;
      return Array.from(weights.subarray(row, row + size));
    });
  }
  return {layers, heads, get};
}

// 开一个 worker；call(方法, 各个参数) 是一个 Promise，见 view.js
function connected() {
  const script = URL.createObjectURL(new Blob([code], {type: "text/javascript"}));
  const worker = new Worker(script);
  const {call, hear, fail} = asking((message) => worker.postMessage(message));
  worker.onmessage = ({data}) => hear(data);
  worker.onerror = (event) => {
    const reason = event.message ?? "内存可能不够";
    fail(new Error(`网页里的模型应在计算，现在停下来了（${reason}）；刷新网页再试`));
  };
  return call;
}
