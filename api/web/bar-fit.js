// The bar over every page, as full as its width allows: what is in it differs by who is signed in, and by what there is.

const STEPS = 9; // people.css says what each leaves out
const PHONE = "(max-width: 699px)"; // there the pages stand below, and the rest has room

/** Has the bar leave words out, one kind after the other, until its parts fit; now, and whenever they change. */
export function fitBar() {
  const bar = document.querySelector(".bar");
  const fit = () => {
    for (let step = 1; step <= STEPS; step += 1) bar.classList.remove(`tight-${step}`);
    if (matchMedia(PHONE).matches) return;
    for (let step = 1; step <= STEPS && bar.scrollWidth > bar.clientWidth; step += 1) bar.classList.add(`tight-${step}`);
  };
  let waiting = 0;
  const soon = () => {
    waiting ||= requestAnimationFrame(() => {
      waiting = 0;
      fit();
    });
  };
  const observer = new ResizeObserver(soon);
  for (const part of [bar, ...bar.children]) observer.observe(part);
  fit();
}
