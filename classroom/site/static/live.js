// 让静态的视图动起来：按了按钮，才取教学小模型和它的分词器（取一次，一页上的几个视图共用），在这个网页里算；
// 不用模型的视图（小测），打开网页就能操作
(() => {
  const FILES = new URL("live/", document.currentScript.src).href;
  const SIZE = "约 14 MB，只取一次；不用网络的一份，双击打开也一样";
  const ALONE = ["quiz"];  // 不用模型的视图
  const NOTEBOOK_ONLY = ["chat"];  // 网页里的模型不会的，留着静态的图，图上写着要到笔记本里去
  // 网页里的模型要用的；版本在 classroom/site.md 里，改了这里或者用了更新的写法，那里也改
  const NEEDED = ["Worker", "WebAssembly", "DecompressionStream", "ResizeObserver"];
  const NEWER = "换新一点的浏览器再试；下面还是静态的图";
  let opening = null;
  let drawing = null;

  function load(name) {
    return new Promise((done, fail) => {
      const script = document.createElement("script");
      script.src = FILES + name;
      script.onload = done;
      script.onerror = () => fail(new Error(`应能取到 ${name}，现在不能；检查网络，或者刷新网页再试`));
      document.head.append(script);
    });
  }

  // 一页上的几个视图共用一个模型；失败了可以再按
  function open(progress) {
    opening ??= load("engine.classic.js").then(draw).then(() => liveEngine.open(FILES, progress));
    opening.catch(() => { opening = null; });
    return opening;
  }

  // 各个视图的画面，取一次
  function draw() {
    drawing ??= load("views.js");
    drawing.catch(() => { drawing = null; });
    return drawing;
  }

  // 先看这个浏览器行不行，再取 14 MB
  function check() {
    const missing = NEEDED.filter((name) => !(name in window));
    if (missing.length) throw new Error(`这个浏览器应有 ${missing.join("、")}，现在没有；${NEWER}`);
  }

  // 静态的图换成可以操作的；画不出来，就换回静态的图
  function replace(view, engine) {
    const root = document.createElement("div");
    root.className = "live";
    root.dataset.view = view.dataset.view;
    const picture = [...view.childNodes];
    view.replaceChildren(root);
    try {
      liveViews[view.dataset.view](root, engine, JSON.parse(view.dataset.given));
    } catch (error) {
      view.replaceChildren(...picture);
      throw new Error(`这个浏览器应能画这个视图，现在不能（${error.message}）；${NEWER}`);
    }
  }

  async function start(view, bar) {
    const button = bar.querySelector("button");
    const note = bar.querySelector("span");
    button.disabled = true;
    note.textContent = "正在取教学小模型……";
    try {
      check();
      const engine = await open(({loaded, total}) => {
        note.textContent = `正在取教学小模型……${Math.round(100 * loaded / total)}%`;
      });
      replace(view, engine);
      bar.remove();
    } catch (error) {
      note.textContent = `⚠ ${error.message}`;
      button.disabled = false;
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const view of document.querySelectorAll(".live-view")) {
      if (NOTEBOOK_ONLY.includes(view.dataset.view)) continue;
      if (ALONE.includes(view.dataset.view)) {
        draw().then(() => replace(view, null)).catch(() => {});  // 取不到、画不出，题目还在，只是不能选
        continue;
      }
      const bar = document.createElement("p");
      bar.className = "live-start";
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "▶ 在这里操作";
      const note = document.createElement("span");
      note.textContent = `下面是一张静态的图。按一下，教学小模型就在这个网页里算（${SIZE}）。`;
      bar.append(button, " ", note);
      button.addEventListener("click", () => start(view, bar));
      view.before(bar);
    }
  });
})();
