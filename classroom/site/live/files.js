// 取网页旁边的文件：模型、分词器和计算的库，都是 classroom/site/export.py 写的
//
// 每个文件压缩、编码成文字，写在几个 .js 里：从 U 盘双击打开的网页不能 fetch，只能像这样取

// 全部文件：{about, files: {名字: 编码的文字}}。每取到一个 .js，就叫一次 onload({loaded, total})
export async function loadFiles(base, onload) {
  const about = await script(base, "about");
  const names = Object.entries(about.parts).flatMap(([name, count]) => partNames(name, count));
  let loaded = 0;
  const load = async (name) => {
    const text = await script(base, name);
    loaded += 1;
    onload({loaded, total: names.length});
    return text;
  };
  const texts = await Promise.all(names.map(load));
  const textOf = new Map(names.map((name, at) => [name, texts[at]]));
  const join = ([name, count]) => [name, partNames(name, count).map((part) => textOf.get(part)).join("")];
  return {about, files: Object.fromEntries(Object.entries(about.parts).map(join))};
}

function partNames(name, count) {
  return Array.from({length: count}, (_, number) => `${name}-${number}`);
}

// 一个 .js 文件放进 liveFiles 的东西
async function script(base, name) {
  const node = document.createElement("script");
  node.src = new URL(`${name}.js`, base).href;
  const came = new Promise((done) => {
    node.onload = done;
    node.onerror = done;
  });
  document.head.append(node);
  await came;
  node.remove();
  const found = window.liveFiles?.[name];
  if (found === undefined) throw new Error(`应取到网页旁边的 ${name}.js，现在取不到；检查网络和文件夹，再按一次`);
  delete window.liveFiles[name];
  return found;
}
