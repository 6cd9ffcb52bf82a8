// 从文件打开的网页不能读别的页面，所以只在网站上显示搜索结果的摘要
DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = location.protocol !== "file:";

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
