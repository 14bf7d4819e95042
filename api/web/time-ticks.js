// Ticks of a time axis at round times of this clock. Pure.

const MINUTE = 60e3;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [
  ...[1, 5, 10, 15, 30].map((count) => count * MINUTE),
  ...[1, 2, 3, 6, 12].map((count) => count * HOUR),
  ...[1, 2, 7, 14, 30, 90].map((count) => count * DAY),
];

/** @returns {{value: number, label: string}[]} at most `most`, from `min` to `max` in milliseconds since 1970 */
export function timeTicks(min, max, most) {
  const step = STEPS.find((ms) => (max - min) / ms <= most) ?? STEPS.at(-1);
  return (step < DAY ? evenTimes(min, max, step) : midnights(min, max, step / DAY)).map((value) => ({
    value,
    label: labelOf(value, step),
  }));
}

function evenTimes(min, max, step) {
  const offset = new Date(min).getTimezoneOffset() * MINUTE;
  const times = [];
  for (let at = Math.ceil((min - offset) / step) * step + offset; at <= max; at += step) times.push(at);
  return times;
}

function midnights(min, max, days) {
  const times = [];
  const at = new Date(min);
  for (at.setHours(24, 0, 0, 0); at <= max; at.setDate(at.getDate() + days)) times.push(at.getTime());
  return times;
}

function labelOf(value, step) {
  const at = new Date(value);
  const isMidnight = at.getHours() === 0 && at.getMinutes() === 0;
  if (step >= DAY || isMidnight) return at.toLocaleDateString(undefined, { month: "short", day: "numeric" });
  return at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
}
