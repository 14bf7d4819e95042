// The one script tag for other pages: <script type="module" src="https://livesight.example/static/livesight-view.js">.

import { LivesightView } from "./view/element.js";

if (!customElements.get("livesight-view")) customElements.define("livesight-view", LivesightView);

export { LivesightView };
