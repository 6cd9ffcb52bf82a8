// 在另一个线程里回答画面的提问，网页就不会卡住；一次只算一件事，后来的排队
import {createModel} from "./model.js";
import {createText} from "./text.js";
import {createViews} from "./views.js";

const stopped = new Set(); // 哪几次提问不用再算了
let source = {open};
let queue = Promise.resolve();

// 准备好分词器和模型
async function open({about, files}) {
  const bytes = {};
  for (const [name, text] of Object.entries(files)) bytes[name] = await unpacked(text);
  const tokenizer = JSON.parse(new TextDecoder().decode(bytes.tokenizer));
  const text = createText(tokenizer, about);
  const model = await createModel(bytes, text, about);
  source = {...text.asked, ...model.asked, ...createViews(text, model, about)};
}

// 编码成文字的文件 → 字节
async function unpacked(text) {
  const packed = await fetch(`data:;base64,${text}`);
  const stream = packed.body.pipeThrough(new DecompressionStream("gzip"));
  const bytes = await new Response(stream).arrayBuffer();
  return new Uint8Array(bytes);
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
