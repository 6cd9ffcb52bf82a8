// Sphinx 还没有译，或者译得不合适的两句
Object.assign(Documentation.TRANSLATIONS, {
  "Search finished, found one page matching the search query.": ["找到 ${resultCount} 条。"],
  "Your search did not match any documents. Please make sure that all words are spelled correctly and that you've selected enough categories.":
    "没有找到。换一个词，或者少写几个词再试。",
});

// “生成循环”这样连着写的几个词，按索引里有的词切开，从左到右每次取最长的；索引里没有单个的字，跳过
const known = (word) => [Search._index.terms, Search._index.titleterms].some((terms) => Object.hasOwn(terms, word));
const cut = (text) => {
  for (let end = text.length; end > 1; end--) {
    if (known(text.slice(0, end))) return [text.slice(0, end), ...cut(text.slice(end))];
  }
  return text ? cut(text.slice(1)) : [];
};
window.splitQuery = (query) => query.split(/[^\p{L}\p{N}_]+/u).flatMap((text) => {
  const parts = text.match(/\p{Script=Han}+|\P{Script=Han}+/gu) ?? [];
  return parts.flatMap((part) => {
    const words = /\p{Script=Han}/u.test(part) ? cut(part) : [part];
    return words.length ? words : [part];
  });
});

// 搜索结果：哪一页，哪一节，那一段正文（coursePassages，在 passages.js 里）；不用读别的网页
const BEFORE = 40;  // 摘要从找到的词前面几个字开始
const LONGEST = 160;

const countIn = (text, words) => words.filter((word) => text.toLowerCase().includes(word)).length;

// 一页里与 words 最合的一段：先看这一段里有几个词，再看这一节的标题里有几个
function bestPassage(page, anchor, words) {
  let best = null;
  for (const section of coursePassages[page]) {
    if (anchor && anchor !== `#${section.id}`) continue;
    const inTitle = countIn(section.title, words);
    for (const text of section.texts) {
      const score = 2 * countIn(text, words) + inTitle;
      if (countIn(text, words) && score > (best?.score ?? 0)) best = { section, text, score };
    }
  }
  return best;
}

// 词只在标题、代码或者输出里
function noPassage(page, anchor, words) {
  const section = coursePassages[page].find(({ id }) => anchor === `#${id}`) ?? coursePassages[page][0];
  const text = countIn(section.title, words) ? section.texts[0] ?? "" : "在这一页的代码或者输出里。";
  return { section, text };
}

// 长的一段只留找到的词前后
function shortened(text, words) {
  const place = words.map((word) => text.toLowerCase().indexOf(word)).find((found) => found >= 0) ?? 0;
  const start = text.length > LONGEST ? Math.max(0, place - BEFORE) : 0;
  const end = start + LONGEST;
  return `${start ? "……" : ""}${text.slice(start, end)}${end < text.length ? "……" : ""}`;
}

function resultItem(page, anchor, words) {
  const { section, text } = bestPassage(page, anchor, words) ?? noPassage(page, anchor, words);
  const title = coursePassages[page][0].title;
  const item = document.createElement("li");
  const link = item.appendChild(document.createElement("a"));
  link.href = `${page}.html${section.id && "#"}${section.id}`;
  link.textContent = section.id ? `${title} › ${section.title}` : title;
  const context = item.appendChild(document.createElement("p"));
  context.className = "context";
  context.textContent = shortened(text, words);
  words.forEach((word) => _highlightText(item, word, "highlighted"));
  return item;
}

// 只有数字的（编号）不在 Sphinx 的索引里，直接在正文里找
function pagesWith(numbers) {
  const pages = Object.keys(coursePassages);
  return pages.filter((page) => numbers.every((number) => JSON.stringify(coursePassages[page]).includes(number)));
}

function placesOf(query) {
  const numbers = splitQuery(query);
  if (numbers.length && numbers.every((word) => /^\d+$/.test(word))) return pagesWith(numbers).map((page) => [page, ""]);
  const found = Search._performSearch(...Search._parseQuery(query)).reverse();
  return found.map(([page, , anchor]) => [page, anchor]);
}

function showResults(query) {
  const lower = query.trim().toLowerCase();
  const words = [lower, ...splitQuery(lower)].filter(Boolean);
  const items = new Map();  // 同一处只留一条
  for (const [page, anchor] of placesOf(query)) {
    const item = resultItem(page, anchor, words);
    const { href } = item.firstChild;
    if (!items.has(href)) items.set(href, item);
  }
  Search.output.append(...items.values());
  _finishSearch(items.size);
}

document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search !== "undefined") Search.query = showResults;
});
