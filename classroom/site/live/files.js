// 取网页旁边的文件：模型、分词器和计算的库，都是 classroom/site/export.py 写的

// 一个 JSON 文件。例: await json(base, "about.json")
export async function json(base, name) {
  const bytes = await file(base, name, () => {});
  return JSON.parse(new TextDecoder().decode(bytes));
}

// 一个文件的字节；压缩过的解开。每来一些，就告诉 arrived 来了几个字节
export async function file(base, name, arrived) {
  const answer = await request(base, name);
  const parts = [];
  for await (const part of chunks(answer.body)) {
    arrived(part.length);
    parts.push(part);
  }
  const bytes = await new Blob(parts).arrayBuffer();
  return unpacked(new Uint8Array(bytes));
}

async function request(base, name) {
  const wanted = `应从网站取到 ${name}，`;
  const address = new URL(name, base);
  const answer = await fetch(address).catch(() => {
    throw new Error(`${wanted}现在连不上；检查网络，再按一次`);
  });
  if (!answer.ok) throw new Error(`${wanted}现在它回答 ${answer.status}；告诉发网页给你的人`);
  return answer;
}

// 手机上旧一点的浏览器不能对 body 直接用 for await
async function* chunks(body) {
  const reader = body.getReader();
  for (;;) {
    const {done, value} = await reader.read();
    if (done) return;
    yield value;
  }
}

// 有的网站发送时已经解开了，所以看开头的两个字节，不看名字
async function unpacked(bytes) {
  const packed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!packed) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const whole = await new Response(stream).arrayBuffer();
  return new Uint8Array(whole);
}
