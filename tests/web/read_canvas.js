// Reads off a <livesight-view>'s canvas, picture by picture: the number painted into it and the number that its boxes
// say (tests/peers/numbers.py, tests/web/boxed_numbers.py). The canvas has to be 320×180, the boxes magenta.
// Returns [{painted, boxed, solid, at}], one for each picture that was displayed; null for what could not be read.
async ({ selector, count, patience }) => {
  const canvas = document.querySelector(selector).shadowRoot.querySelector("canvas");
  const crc32 = (bytes) => {
    let crc = -1;
    for (const byte of bytes) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc >>> 0;
  };

  function paintedIn({ data, width, height }) {
    const top = height - Math.round(height * 0.3);
    const means = [];
    for (let row = 0; row < 3; row += 1) {
      const [y0, y1] = [top + Math.round((row * (height - top)) / 3), top + Math.round(((row + 1) * (height - top)) / 3)];
      for (let column = 0; column < 12; column += 1) {
        const [x0, x1] = [Math.round((column * width) / 12), Math.round(((column + 1) * width) / 12)];
        let [sum, pixels] = [0, 0];
        for (let y = y0 + ((y1 - y0) >> 2); y < y1 - ((y1 - y0) >> 2); y += 2)
          for (let x = x0 + ((x1 - x0) >> 2); x < x1 - ((x1 - x0) >> 2); x += 2) {
            sum += data[(y * width + x) * 4 + 1];
            pixels += 1;
          }
        means.push(sum / pixels);
      }
    }
    const middle = (Math.max(...means) + Math.min(...means)) / 2;
    if (Math.max(...means) - Math.min(...means) < 60) return null;
    const bits = means.map((mean) => Number(mean > middle));
    const number = parseInt(bits.slice(0, 24).join(""), 2);
    const check = parseInt(bits.slice(24).join(""), 2);
    return (crc32([number >> 16, (number >> 8) & 255, number & 255]) & 0xfff) === check ? number : null;
  }

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
