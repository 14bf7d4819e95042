// Charts by plotly.js, which is loaded out of the installed plotly package when the first chart is drawn.

// plotly.js brings a style for maps, which the Content-Security-Policy refuses with a complaint and no chart here needs;
// it is left out where an element of this name is there (plotly 7.1).
const MAP_STYLE = "9f215cf04c5486422605d13261cb87401f4e7763b6296af81e98efbc0130da53";

let loading = null;

function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const stopper = document.createElement("meta");
    stopper.id = MAP_STYLE;
    document.head.append(stopper);
    const script = document.createElement("script");
    script.src = "/static/plotly.min.js";
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      loading = null;
      script.remove();
      reject(new Error("The drawing library could not be loaded."));
    };
    document.head.append(script);
  });
  return loading;
}

const COLOURS = ["#0b8f81", "#4f7fe0", "#b0589f", "#c98f2b", "#7c6ad6", "#4f9d4a", "#c25b4e", "#6f7f8f"];

export class Chart {
  #place;
  #drawing = Promise.resolve();

  /** @param {HTMLElement} place */
  constructor(place) {
    this.#place = place;
  }

  /** @param {object[]} traces of plotly @param {{x: object, y: object, hover?: string, height?: number, more?: object}} axes what differs from all charts */
  draw(traces, axes) {
    this.#drawing = this.#drawing.then(() => this.#draw(traces, axes)).catch((error) => {
      this.#place.textContent = error.message;
    });
    return this.#drawing;
  }

  async #draw(traces, { x, y, hover = "x unified", height = 240, more = {} }) {
    const { react } = await plotly();
    if (!this.#place.clientWidth) return; // another page is shown
    const style = getComputedStyle(document.body);
    const [text, line] = ["--quiet", "--line"].map((name) => resolved(style.getPropertyValue(name)));
    const axis = { color: text, gridcolor: line, zeroline: false, automargin: true, fixedrange: true, ticklabelstandoff: 5 };
    await react(
      this.#place,
      traces,
      {
        autosize: true,
        height,
        margin: { l: 44, r: 18, t: 26, b: 34 },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        colorway: COLOURS,
        font: { family: style.fontFamily, size: 12, color: text },
        xaxis: { ...axis, nticks: 6, tickangle: 0, ...x },
        yaxis: { ...axis, nticks: 5, ...y },
        showlegend: traces.length > 1,
        legend: { orientation: "h", x: 0, y: 1.14, yanchor: "middle" },
        hovermode: hover,
        transition: { duration: 0 },
        ...more,
      },
      { displayModeBar: false, responsive: true, scrollZoom: false },
    );
  }
}

/** light-dark(…) and the like as the colour that they are now: plotly reads plain colours only. */
function resolved(colour) {
  const probe = document.createElement("i");
  probe.style.color = colour;
  document.body.append(probe);
  const plain = getComputedStyle(probe).color;
  probe.remove();
  return plain;
}
