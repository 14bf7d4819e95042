// Deleting for good: asks first and says what goes, then tells everybody on the page that shows it.

import { request } from "./api.js";
import { ask } from "./confirm.js";
import { el } from "./dom.js";
import { mayOn } from "./session.js";
import { toast } from "./status.js";

/** What the window is told once something is deleted: `detail` has the `ids` of tracks or events that are gone. */
export const DELETED = "livesight-deleted";

const STAYS = "Messages that were sent and records on Kafka are not called back. This cannot be undone.";
const ALERTS = "Alerts about it stay in the list without text and picture.";

const of = {
  track: ({ id }) => ({
    words: "Delete track…",
    title: "Delete this track?",
    text: `Its events, images and clips go with it. ${ALERTS} ${STAYS}`,
    path: `/v1/tracks/${id}`,
    ids: [id],
    done: "The track was deleted.",
  }),
  event: ({ id, kind }) => ({
    words: "Delete event…",
    title: "Delete this event?",
    text: `${WITH[kind] ?? "Its track stays, and no longer tells of it."} ${STAYS}`,
    path: `/v1/events/${id}`,
    ids: [id],
    done: "The event was deleted.",
  }),
  images: ({ snapshot_url: crop, picture_url: picture }) => ({
    words: "Delete images…",
    title: "Delete the images of this track?",
    text: `Both the crop and the whole image go, and the track gets no others. ${STAYS}`,
    path: picture ?? crop,
    ids: [],
    done: "The images were deleted.",
  }),
  clip: ({ clip_url: path }) => ({
    words: "Delete clip…",
    title: "Delete this clip?",
    text: `The alert stays, and gets no other clip. ${STAYS}`,
    path,
    ids: [],
    done: "The clip was deleted.",
  }),
};
const WITH = {
  track_began: "It is the first of its track: the track, its other events, images and clips go with it.",
  alert: "Its clip and its end go with it. The alert stays in the list without text and picture.",
};

/**
 * Buttons that delete what is shown, for who may on that camera; null where there are none.
 * @param {{stream_id: string}} item a track or an event @param {("track"|"event"|"images"|"clip")[]} kinds
 * @param {(kind: string) => void} after once it is deleted
 */
export function deletionButtons(item, kinds, after) {
  if (!mayOn("delete", item.stream_id)) return null;
  const buttons = kinds.map((kind) => {
    const what = of[kind](item);
    const click = async () => {
      if ((await ask(what.title, what.text, "Delete")) && (await remove(what))) after(kind);
    };
    return el("button", { class: "button", type: "button", on: { click } }, what.words);
  });
  return el("div", { class: "card-actions", dataset: { needs: "delete" } }, ...buttons);
}

/** Whether it is gone, be it that it was before. */
async function remove({ path, ids, done }) {
  try {
    await request(path, { method: "DELETE", timeoutMs: 20000 });
  } catch (error) {
    if (error.status !== 404) {
      toast(`It could not be deleted: ${error.message}`, "bad");
      return false;
    }
  }
  toast(done);
  window.dispatchEvent(new CustomEvent(DELETED, { detail: { ids } }));
  return true;
}
