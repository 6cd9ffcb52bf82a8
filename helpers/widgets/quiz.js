// 小测：一次一题。选了就看到对不对、为什么；再点别的选项，看它的为什么。答案只记在这里
import {h, button} from "./view.js";

const LETTERS = "ABCDE";

export function show(root, source, given) {
  const questions = given.questions;
  let at = 0;  // 第几题；等于题数时是成绩
  let answers = questions.map(nothing);

  function nothing() {
    return {chosen: [], done: false, looking: null};
  }

  function right(number) {
    return questions[number].options.every((option, place) =>
      Boolean(option.right) === answers[number].chosen.includes(place));
  }

  function mark(number) {
    if (!answers[number].done) return "";
    return right(number) ? " ✓" : " ✗";
  }

  // ---- 做 ----

  // 点一个选项：没有答过就是选它，答过就是看它的为什么
  function pick(place) {
    const answer = answers[at];
    if (answer.done) answer.looking = place;
    else if (questions[at].several) toggle(answer.chosen, place);
    else finish([place]);
    draw();
  }

  function toggle(chosen, place) {
    const found = chosen.indexOf(place);
    if (found < 0) chosen.push(place);
    else chosen.splice(found, 1);
  }

  function finish(chosen) {
    answers[at] = {chosen, done: true, looking: first_to_explain(chosen)};
  }

  // 先讲哪一个：选错的，漏掉的，都没有就讲选的
  function first_to_explain(chosen) {
    const options = questions[at].options;
    const wrong = chosen.find((place) => !options[place].right);
    const missed = options.findIndex((option, place) => option.right && !chosen.includes(place));
    if (wrong !== undefined) return wrong;
    return missed < 0 ? chosen[0] : missed;
  }

  function hand_in() {
    if (!answers[at].chosen.length) {
      panel.firstChild.textContent = "应至少选一个，现在一个也没有选；点选项，再按“选好了”。";
      return;
    }
    finish(answers[at].chosen);
    draw();
    options.children[answers[at].looking].focus({preventScroll: true});
  }

  function go(number) {
    at = number;
    draw();
    const first = at < questions.length ? options.children[0] : pages.children[at];
    first.focus({preventScroll: true});
  }

  function again() {
    answers = questions.map(nothing);
    go(0);
  }

  // ---- 画 ----

  const pages = h("nav", {class: "pages", "aria-label": "第几题"});
  const ask = h("p", {class: "ask", "aria-live": "polite"});
  const options = h("div", {class: "options", role: "group", "aria-label": "选项"});
  const panel = h("div", {class: "panel", "aria-live": "polite"});
  root.append(pages, ask, h("div", {class: "columns"}, options, panel));
  draw();

  function draw() {
    draw_pages();
    const question = questions[at];
    if (!question) {
      draw_score();
      return;
    }
    ask.replaceChildren(h("b", {}, `第 ${at + 1} 题　`), ...with_code(question.ask.trim()));
    if (question.several) ask.append(h("span", {class: "faint"}, "（不止一个）"));
    draw_options(question);
    panel.replaceChildren(...(answers[at].done ? reason(question) : waiting(question)));
  }

  function draw_pages() {
    const focused = [...pages.children].indexOf(document.activeElement);
    const names = [...questions.map((_, number) => `${number + 1}${mark(number)}`), "成绩"];
    pages.replaceChildren(...names.map((name, number) => h("button", {type: "button", class: "press",
      "aria-pressed": number === at, onclick: () => go(number)}, name)));
    if (focused >= 0) pages.children[focused].focus({preventScroll: true});
  }

  function draw_options(question) {
    const focused = [...options.children].indexOf(document.activeElement);
    options.replaceChildren(...question.options.map(option_row));
    if (focused >= 0) options.children[focused].focus({preventScroll: true});
  }

  function option_row(option, place) {
    const {chosen, done, looking} = answers[at];
    const told = done && (looking === place || chosen.includes(place));
    const verdict = told ? (option.right ? "✓ " : "✗ ") : "";
    const kind = told ? (option.right ? "right" : "wrong") : "";
    return h("button", {type: "button", class: `option ${kind} ${looking === place ? "looking" : ""}`,
      "aria-pressed": chosen.includes(place), onclick: () => pick(place)},
    h("b", {}, `${verdict}${LETTERS[place]}`), h("span", {}, ...with_code(option.text)));
  }

  function waiting(question) {
    const tip = h("p", {class: "faint"}, "选一个，这里就写出对不对、为什么。");
    if (!question.several) return [tip];
    tip.textContent = "对的不止一个：全部选上，再按“选好了”。";
    return [tip, button("选好了", "看选得对不对", hand_in)];
  }

  function reason(question) {
    const {chosen, looking} = answers[at];
    const option = question.options[looking];
    const verdict = `${option.right ? "✓" : "✗"} ${LETTERS[looking]}`;
    const short = option.right ? "对" : option.misconception;
    const other = chosen.includes(looking) ? "" : "（没有选）";
    const read = h("p", {}, right(at) ? "讲在 " : "再读 ", section(question.read));
    const tip = h("p", {class: "faint"}, "点别的选项，看它为什么对，为什么不对。");
    const last = at === questions.length - 1;
    const onward = button(last ? "看成绩" : "下一题", "", () => go(at + 1));
    return [h("p", {}, h("b", {}, `${verdict}：${short}`), other), h("p", {}, ...with_code(option.why)), read, tip, onward];
  }

  // 一节的名字；按一下，翻到那一节
  function section(name) {
    const number = name.match(/\d+/)[0];
    return h("button", {type: "button", class: "section", title: "翻到那一节", onclick: () => {
      const page = root.closest(".jp-Notebook") ?? document;
      const heading = [...page.querySelectorAll("h2")].find((one) => one.textContent.startsWith(`${number}　`));
      heading?.scrollIntoView();
    }}, name);
  }

  function draw_score() {
    const numbers = questions.map((_, number) => number);
    const done = numbers.filter((number) => answers[number].done);
    const wrong = done.filter((number) => !right(number));
    ask.replaceChildren(h("b", {}, `答了 ${done.length} / ${questions.length} 题，对 ${done.length - wrong.length} 题`));
    options.replaceChildren(...wrong.map((number) =>
      h("p", {}, `第 ${number + 1} 题答错了，再读 `, section(questions[number].read))));
    if (done.length < questions.length) options.append(h("p", {}, "还有题没有答：按上面没有 ✓、✗ 的数字。"));
    else if (!wrong.length) options.append(h("p", {}, "全对。"));
    panel.replaceChildren(button("再来一遍", "忘掉这次的答案，从第 1 题起", again));
  }
}

// `…` 里的写成代码的样子
function with_code(text) {
  return text.split("`").map((part, number) => (number % 2 ? h("code", {}, part) : part));
}
