// The live example: what an integrator's page does with <livesight-view>.

const view = document.getElementById("view");
const form = document.getElementById("form");

function apply() {
  const { stream, mode, labels, blur } = form.elements;
  if (!stream.value) return;
  for (const [name, value] of Object.entries({ stream: stream.value, mode: mode.value, labels: labels.value }))
    if (view.getAttribute(name) !== value) view.setAttribute(name, value);
  view.toggleAttribute("blur", blur.checked);
  const attributes = `stream="${stream.value}" mode="${mode.value}" labels="${labels.value}"${blur.checked ? " blur" : ""}`;
  document.getElementById("code").textContent =
    `<script type="module" src="${location.origin}/static/livesight-view.js"></script>\n` +
    `<livesight-view ${attributes}></livesight-view>`;
}

view.addEventListener("result", ({ detail: result }) => {
  document.getElementById("result").textContent = JSON.stringify(result, null, 2);
});

view.addEventListener("state", ({ detail: { state, text, via } }) => {
  document.getElementById("state").textContent = `${state}${text ? `: ${text}` : ""} (${via})`;
});

form.addEventListener("change", apply);

const response = await fetch("/v1/streams", { cache: "no-store" });
const { streams = [] } = response.ok ? await response.json() : {};
form.elements.stream.replaceChildren(...streams.map(({ id }) => new Option(id)));
if (streams.length === 0) document.getElementById("state").textContent = "There are no cameras yet.";
apply();
