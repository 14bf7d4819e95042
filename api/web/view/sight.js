// Whether an element can be seen: it is within the window, and the tab is in front. And how large it is.

/** Calls `onSight` on each change and `onSize` with CSS pixels; @returns what ends it. */
export function watchSight(element, onSight, onSize) {
  let within = false;
  const tell = () => onSight(within && !document.hidden);
  const sight = new IntersectionObserver(
    (entries) => {
      within = entries.at(-1).isIntersecting;
      tell();
    },
    { rootMargin: "80px" },
  );
  const sizes = new ResizeObserver((entries) => onSize(entries.at(-1).contentRect));
  sight.observe(element);
  sizes.observe(element);
  document.addEventListener("visibilitychange", tell);
  return () => {
    sight.disconnect();
    sizes.disconnect();
    document.removeEventListener("visibilitychange", tell);
  };
}
