// 各个视图共用：造网页上的东西，向内核提问，一次只做一件事

// ---- 造网页上的东西 ----

// 一个元素。h("button", {onclick: f, class: "small"}, "写")；属性是 false 或 null 就不写（aria 开头的照写）
export function h(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name.startsWith("aria-") && value != null) node.setAttribute(name, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

// 一段可能从右往左写的文字，不打乱整行；空格看得见
export function words(text) {
  return h("bdi", {}, text);
}

// 一个词元的方块：样子和编号，底色轮换
export function chip(piece, number, properties = {}) {
  const color = `chip color${number % 4} ${properties.class ?? ""}`;
  const tag = properties.onclick ? "button" : "span";
  return h(tag, {...properties, class: color}, words(piece.label), h("small", {}, String(piece.id)));
}

// 一个滑块，左边写名字，右边写现在的数；changed 在拖动时就叫
export function slider(label, {min, max, step, value, text = String}, changed) {
  const shown = h("output", {}, text(value));
  const input = h("input", {type: "range", min, max, step, value, "aria-label": label});
  input.addEventListener("input", () => {
    shown.textContent = text(Number(input.value));
    changed(Number(input.value));
  });
  const node = h("label", {class: "slider"}, h("span", {}, label), input, shown);
  node.set = (number) => {
    input.value = number;
    shown.textContent = text(number);
  };
  return node;
}

// 一个按钮；wait: 正在计算时按不动
export function button(text, tip, onclick, wait = true) {
  return h("button", {type: "button", class: "press", title: tip, "data-wait": wait, onclick}, text);
}

// 一个输入框：按回车、离开它，或者按旁边的钮，才算改了
export function field(label, value, changed, properties = {}) {
  const input = h("input", {type: "text", value, "aria-label": label, ...properties});
  input.addEventListener("change", () => changed(input.value));
  const node = h("label", {class: "field"}, h("span", {}, label), input);
  node.input = input;
  return node;
}

// 几页，一次看一页。tabs({"树": node, "设置": node})
export function tabs(pages) {
  const heads = h("div", {class: "heads", role: "tablist"});
  const node = h("div", {class: "tabs"}, heads);
  const names = Object.keys(pages);
  function open(name, focus) {
    names.forEach((other, place) => {
      const chosen = other === name;
      const head = heads.children[place];
      head.setAttribute("aria-selected", chosen);
      head.tabIndex = chosen ? 0 : -1;
      pages[other].hidden = !chosen;
      if (chosen && focus) head.focus();
    });
  }
  function arrow(event, place) {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (step) open(names[(place + step + names.length) % names.length], true);
  }
  names.forEach((name, place) => {
    heads.append(h("button", {type: "button", role: "tab", onclick: () => open(name),
      onkeydown: (event) => arrow(event, place)}, name));
    pages[name].setAttribute("role", "tabpanel");
    pages[name].setAttribute("aria-label", name);
    node.append(pages[name]);
  });
  open(names[0]);
  node.open = open;
  return node;
}

// 学生要求少动的时候，不动
export function still() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

// 等几毫秒；要求少动时不等
export function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, still() ? 0 : milliseconds));
}

// ---- 一次只做一件事 ----

// 一个视图的台面：消息行；正在计算时按钮按不动，出了错说一句话
export function desk(root) {
  const message = h("div", {class: "message", role: "status"});
  let working = false;
  let waiting = null;
  let going = null;
  let stopped = false;
  const self = {
    message,
    say,
    run,
    latest,
    stop,
    // 正在算的，可以停；按“停”在前、它开始在后，也停
    set going(task) {
      going = task;
      if (stopped) stop();
    },
  };

  function stop() {
    stopped = working;
    going?.stop();
  }

  function say(text) {
    message.textContent = text;
  }

  function lock(on) {
    working = on;
    root.toggleAttribute("data-busy", on);
    root.setAttribute("aria-busy", on);
    for (const node of root.querySelectorAll("[data-wait]")) node.toggleAttribute("disabled", on);
  }

  // 做一件事；正在做别的就不做（按钮这时本来按不动）
  async function run(action) {
    if (working) return;
    stopped = false;
    lock(true);
    const slow = setTimeout(() => say("⏳ 正在计算……"), 300);
    try {
      const said = await action();
      say(said ?? "");
    } catch (error) {
      say(`⚠ ${error.message}`);
    } finally {
      clearTimeout(slow);
      self.going = null;
      lock(false);
      const next = waiting;
      waiting = null;
      if (next) run(next);
    }
  }

  // 拖动滑块、改文字：正在算，就记下最后的一次，算完再做它，中间的略过
  function latest(action) {
    if (working) waiting = action;
    else run(action);
  }

  return self;
}

// ---- 一问一答 ----

// 和对面（内核，或者网页里的另一个线程）一问一答。send(消息) 送过去：提问是 {id, method, inputs}，
// 不用再算了是 {id, method: "stop"}；对面的每一句 {id, step}、{id, result}、{id, error} 交给 hear。
// call(方法, 各个参数) 是一个 Promise，它的 stop() 说不用再算了；最后一个参数是函数时，每来一步叫它一次。
// fail(错误): 对面不在了，等着的都不用等
export function asking(send) {
  const asked = new Map();

  function hear(answer) {
    const question = asked.get(answer.id);
    if (!question) return;
    if ("step" in answer) {
      question.onstep?.(answer.step);
      return;
    }
    asked.delete(answer.id);
    if ("error" in answer) question.fail(new Error(answer.error));
    else question.done(answer.result);
  }

  function call(method, ...inputs) {
    const id = `${Date.now()}-${Math.random()}`;
    const onstep = typeof inputs.at(-1) === "function" ? inputs.pop() : null;
    const answer = new Promise((done, fail) => asked.set(id, {done, fail, onstep}));
    answer.stop = () => send({id, method: "stop"});
    send({id, method, inputs});
    return answer;
  }

  function fail(error) {
    for (const question of asked.values()) question.fail(error);
    asked.clear();
  }

  return {call, hear, fail};
}

// 内核里的 Source：kernel(model).cut("你好") 是一个 Promise
function kernel(model) {
  const {call, hear} = asking((message) => model.send(message));
  model.on("msg:custom", hear);
  return new Proxy({}, {get: (_, method) => (...inputs) => call(method, ...inputs)});
}

// 存笔记本时连视图一起存，再打开时就还看得见；JupyterLab 的菜单里也有这一项（Save Widget State），默认关着
function keep(model) {
  const settings = model.widget_manager?._settings;
  if (settings) settings.saveState = true;
}

// JupyterLab 里的样子：先是静态的图；内核答应了，就换成可以操作的
function lab(show, name) {
  async function render({model, el}) {
    el.classList.add("live");
    el.dataset.view = name;
    keep(model);
    const note = h("p", {class: "message", role: "status"}, "⏳ 等内核回答……");
    const picture = h("div");
    picture.innerHTML = model.get("picture");
    el.replaceChildren(note, picture);
    const late = setTimeout(() => {
      note.textContent = "这是存下来的样子。运行这一格，它就动起来。";
    }, 4000);
    const source = kernel(model);
    await source.ready();
    clearTimeout(late);
    el.replaceChildren();
    show(el, source, model.get("given"));
  }
  return {render};
}
