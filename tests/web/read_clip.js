// Stops the clip player's video at `count` places, and reads off each what is shown: the number painted into the frame
// (tests/web/painted_number.js has to have run), and for each of `rows`, a height of the frame, the first box there.
// Every fourth stop is a pause while it plays. Returns [{painted, boxes: [{x, alpha}|null]}], x in pixels of the frame.
async ({ count, rows, seed }) => {
  const video = document.querySelector("#event-dialog video");
  const overlay = document.querySelector("#event-dialog .clip-frame canvas");
  let state = seed;
  const random = () => (state = (state * 16807) % 2147483647) / 2147483647;
  const bare = new OffscreenCanvas(video.videoWidth, video.videoHeight).getContext("2d", { willReadFrequently: true });
  const event = (type) => new Promise((done) => video.addEventListener(type, done, { once: true }));
  const drawn = () => // after the player's own; none comes where the frame is shown already
    new Promise((done) => {
      video.requestVideoFrameCallback(done);
      setTimeout(done, 3000);
    });

  /** Middle and opacity of the first line from the left at that height of the frame. */
  function boxAt(height) {
    const scale = overlay.width / video.videoWidth;
    const { data, width } = overlay.getContext("2d").getImageData(0, Math.round(height * scale), overlay.width, 1);
    const isLine = (x) => data[x * 4 + 3] > 40 && data[x * 4] + data[x * 4 + 1] + data[x * 4 + 2] > 160;
    for (let x = 0; x < width; x += 1) {
      if (!isLine(x)) continue;
      let end = x;
      while (end < width && isLine(end)) end += 1;
      return { x: (x + end) / 2 / scale, alpha: data[((x + end) >> 1) * 4 + 3] };
    }
    return null;
  }

  const stops = [];
  for (let stop = 0; stop < count; stop += 1) {
    const place = random() * (video.duration - 1);
    if (stop % 4 === 3) {
      await video.play();
      for (let frame = 1 + Math.floor(random() * 5); frame > 0 && !video.ended; frame -= 1)
        await Promise.race([drawn(), event("ended")]);
      const paused = event("pause");
      video.pause();
      await paused;
      await new Promise(requestAnimationFrame);
      await new Promise(requestAnimationFrame);
    } else {
      const frame = drawn();
      const sought = event("seeked");
      video.currentTime = place;
      await Promise.all([frame, sought]);
    }
    bare.drawImage(video, 0, 0);
    const image = bare.getImageData(0, 0, video.videoWidth, video.videoHeight);
    stops.push({ painted: window.paintedIn(image), boxes: rows.map(boxAt) });
  }
  return stops;
};
