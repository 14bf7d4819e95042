// Runs in the page from its beginning: at each turn of the screen, once all have drawn and the page was painted, it
// reads the number that stamp.py painted into the picture off a <livesight-view>'s canvas. `glass.seen` holds
// [{number, at, ptsUs, kind}]: `at` is performance.now(), the rest is what the view says of the picture.
globalThis.glass = { seen: [], unreadable: 0, selector: "livesight-view", onFirst: null };

/** Forgets what was seen. */
glass.forget = () => Object.assign(glass, { seen: [], unreadable: 0 });

/** When the first picture was seen, performance.now(); waits for it. */
glass.first = async () => glass.seen[0]?.at ?? new Promise((resolve) => (glass.onFirst = resolve));

{
  const [BITS, CELL, CLIP_WIDTH, LEAST_CONTRAST] = [12, 16, 1280, 60]; // as in stamp.py and clip.py
  let last = null; // the number seen last
  let missed = ""; // the last picture without a readable one

  /** The mean of the middle of a cell, of its green. */
  function cellMean({ data, width }, size, column, row) {
    let [sum, pixels] = [0, 0];
    for (let y = Math.round((row + 0.3) * size); y < (row + 0.7) * size; y += 1)
      for (let x = Math.round((column + 0.3) * size); x < (column + 0.7) * size; x += 1) {
        sum += data[(y * width + x) * 4 + 1];
        pixels += 1;
      }
    return sum / pixels;
  }

  function numberOn(canvas) {
    const size = (CELL * canvas.width) / CLIP_WIDTH;
    const corner = canvas.getContext("2d").getImageData(0, 0, Math.ceil(BITS * size), Math.ceil(2 * size));
    let number = 0;
    for (let bit = 0; bit < BITS; bit += 1) {
      const contrast = cellMean(corner, size, bit, 0) - cellMean(corner, size, bit, 1);
      if (!(Math.abs(contrast) > LEAST_CONTRAST)) return null;
      number = number * 2 + Number(contrast > 0);
    }
    return number;
  }

  function look() {
    const at = performance.now();
    const view = document.querySelector(glass.selector);
    const canvas = view?.shadowRoot?.querySelector("canvas");
    if (!canvas?.width || !view.dataset.ptsUs) return;
    const { ptsUs, boxes } = view.dataset;
    const number = numberOn(canvas);
    if (number === null) {
      glass.unreadable += Number(missed !== ptsUs); // a box's label lies on it
      missed = ptsUs;
    } else if (number !== last) {
      glass.seen.push({ number, at, ptsUs: Number(ptsUs), kind: boxes });
      last = number;
      glass.onFirst?.(at);
    }
  }

  const painted = new MessageChannel(); // its message comes when the turn's drawing is done, whoever drew last
  painted.port1.onmessage = look;
  const turn = () => {
    requestAnimationFrame(turn);
    painted.port2.postMessage(null);
  };
  requestAnimationFrame(turn);
}
