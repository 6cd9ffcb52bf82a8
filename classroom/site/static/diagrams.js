// 把页面上每一段 mermaid 画成图；屏幕窄时最多缩到六成，再窄就左右滚动，字还看得清
document.addEventListener("DOMContentLoaded", async () => {
  const blocks = document.querySelectorAll(".highlight-mermaid");
  blocks.forEach((block) => { block.textContent = block.textContent; }); // 去掉高亮用的标签，只留源码
  mermaid.initialize({ startOnLoad: false });
  await mermaid.run({ nodes: blocks });
  document.querySelectorAll(".highlight-mermaid svg").forEach((svg) => {
    svg.style.minWidth = `${0.6 * svg.viewBox.baseVal.width}px`;
  });
});
