// Dark or light: as the system wishes, until somebody chooses.

const button = document.getElementById("theme");
const system = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (localStorage.getItem("theme") ?? (system.matches ? "dark" : "light")) === "dark";

function show() {
  const dark = isDark();
  document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "";
  button.setAttribute("aria-label", dark ? "Use light colours" : "Use dark colours");
  button.title = button.getAttribute("aria-label");
  button.querySelector("use").setAttribute("href", `/static/icons.svg#${dark ? "sun" : "moon"}`);
  document.dispatchEvent(new Event("themechange"));
}

button.addEventListener("click", () => {
  const wanted = isDark() ? "light" : "dark";
  if (wanted === (system.matches ? "dark" : "light")) localStorage.removeItem("theme");
  else localStorage.setItem("theme", wanted);
  show();
});
system.addEventListener("change", show);
show();
