// 在另一个线程里回答画面的提问，网页就不会卡住；一次只算一件事，后来的排队
import {file, json} from "./files.js";
import {createModel} from "./model.js";
import {createText} from "./text.js";

const FILES = {
  tokenizer: "tokenizer.json.gz",
  runtime: "runtime.wasm.gz",
  weights: "weights.bin.gz",
  step: "step.onnx.gz",
  inside: "inside.onnx.gz",
  scores: "scores.onnx.gz",
};
const stopped = new Set(); // 哪几次提问不用再算了
let source = {open};
let queue = Promise.resolve();

// 取全部文件，准备好分词器和模型
async function open(base, onstep) {
  const about = await json(base, "about.json");
  let loaded = 0;
  const arrived = (count) => {
    loaded += count;
    onstep({loaded, total: about.bytes});
  };
  const names = Object.keys(FILES);
  const contents = await Promise.all(names.map((name) => file(base, FILES[name], arrived)));
  const files = Object.fromEntries(names.map((name, at) => [name, contents[at]]));
  const text = createText(JSON.parse(new TextDecoder().decode(files.tokenizer)), about);
  source = {...text, ...await createModel(files, text, about)};
}

async function answer({id, method, inputs}) {
  const onstep = (step) => postMessage({id, step});
  try {
    const result = await source[method](...inputs, onstep, () => stopped.has(id));
    postMessage({id, result});
  } catch (error) {
    postMessage({id, error: error.message});
  }
  stopped.delete(id);
}

self.onmessage = ({data}) => {
  if (data.method === "stop") stopped.add(data.id);
  else queue = queue.then(() => answer(data));
};
