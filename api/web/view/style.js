// The component's own style, as a constructed sheet: allowed by a strict Content-Security-Policy on any page.

const CSS = `
:host {
  display: block;
  position: relative;
  aspect-ratio: 16 / 9;
  overflow: hidden;
  background: var(--livesight-background, #050607);
  color: #eef1f4;
  font: 400 14px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
:host([hidden]) { display: none; }
[hidden] { display: none !important; }
.stage { position: absolute; inset: 0; }
canvas, video, img {
  position: absolute;
  inset: 0;
  width: 100%;
  height: 100%;
  object-fit: contain;
}
:host([blur]) img { filter: blur(18px); }
.stage.dim :is(canvas, video, img) { opacity: 0.35; }
.notice {
  position: absolute;
  inset: 0;
  display: flex;
  flex-direction: column;
  align-items: center;
  justify-content: center;
  gap: 4px;
  padding: 12px 8%;
  text-align: center;
  text-shadow: 0 1px 3px rgb(0 0 0 / 80%);
  overflow-wrap: anywhere;
  pointer-events: none;
}
.notice strong { font-size: 16px; font-weight: 600; }
.notice span {
  display: -webkit-box;
  overflow: hidden;
  -webkit-box-orient: vertical;
  -webkit-line-clamp: 4;
  line-clamp: 4;
}
.hint {
  position: absolute;
  left: 8px;
  bottom: 8px;
  max-width: calc(100% - 16px);
  padding: 3px 9px;
  border-radius: 7px;
  background: rgb(12 14 17 / 82%);
  color: #f2f4f6;
  font-size: 12px;
  pointer-events: none;
}
`;

export const sheet = new CSSStyleSheet();
sheet.replaceSync(CSS);
