// Reads off a <livesight-view>'s canvas, picture by picture: the number painted into it and the number that its boxes
// say (tests/web/painted_number.js has to have run, tests/web/boxed_numbers.py). The canvas has to be 320×180, the boxes magenta.
// Returns [{painted, boxed, solid, at}], one for each picture that was displayed; null for what could not be read.
async ({ selector, count, patience }) => {
  const canvas = document.querySelector(selector).shadowRoot.querySelector("canvas");
  const isBox = (data, at) => data[at] > 150 && data[at + 1] < 110 && data[at + 2] > 150;

  function leftEdge({ data, width }, from, to) {
    for (let x = 0; x < width; x += 1)
      for (let y = from; y < to; y += 1) if (isBox(data, (y * width + x) * 4)) return x + 1;
    return null;
  }

  function boxesIn(image) {
    const [low, high] = [leftEdge(image, 12, 44), leftEdge(image, 68, 100)];
    if (low === null || high === null) return { boxed: null, solid: false };
    let line = 0;
    for (let x = low; x < low + 100; x += 1) line += Number(isBox(image.data, (8 * image.width + x) * 4));
    return { boxed: (low - 10) / 2 + 64 * Math.round((high - 10) / 2), solid: line >= 95 };
  }

  const samples = [];
  const began = performance.now();
  let last = null;
  while (samples.length < count && performance.now() - began < patience) {
    await new Promise(requestAnimationFrame);
    if (canvas.width !== 320 || canvas.height !== 180) continue;
    const image = canvas.getContext("2d").getImageData(0, 0, 320, 180);
    const painted = paintedIn(image);
    if (painted === last && painted !== null) continue;
    last = painted;
    samples.push({ painted, ...boxesIn(image), at: performance.now() - began });
  }
  return samples;
};
