// 在另一个线程里回答画面的提问，网页就不会卡住；一次只算一件事，后来的排队
import {createModel, openGraphs} from "./model.js";
import {createText} from "./text.js";
import {createViews} from "./views.js";

const stopped = new Set(); // 哪几次提问不用再算了
let source = {open};
let queue = Promise.resolve();

async function open(given) {
  try {
    source = await prepared(given);
  } catch (error) {
    throw new Error(`这个浏览器应能运行教学小模型，现在不能（${error.message}）；关掉别的网页，或者换新一点的浏览器再试`);
  }
}

// 分词器和模型的全部方法
async function prepared({about, files}) {
  const names = Object.keys(files);
  const contents = await Promise.all(names.map((name) => unpacked(files[name])));
  const bytes = Object.fromEntries(names.map((name, at) => [name, contents[at]]));
  const graphs = openGraphs(bytes); // 浏览器在别的线程里编译，趁这时准备分词器
  const tokenizer = JSON.parse(new TextDecoder().decode(bytes.tokenizer));
  const text = createText(tokenizer, about);
  const model = createModel(await graphs, text, about);
  return {...text.asked, ...model.asked, ...createViews(text, model, about)};
}

// 编码成文字的文件 → 字节。不经过 Blob：双击打开的网页，WebKit 的 worker 读不了 Blob（NotReadableError）
async function unpacked(text) {
  const packed = new Response(decoded(text)).body;
  const bytes = await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  return new Uint8Array(bytes);
}

function decoded(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at += 1) bytes[at] = letters.charCodeAt(at);
  return bytes;
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
