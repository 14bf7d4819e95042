// One question with two answers; and the one that several pages ask.

/**
 * @param {boolean} danger whether something is lost that cannot be had again by the same page
 * @returns {Promise<boolean>} whether the answer was yes; closing the dialog is a no
 */
export function ask(title, text, yes, danger = true) {
  const dialog = document.getElementById("confirm-dialog");
  document.getElementById("confirm-title").textContent = title;
  document.getElementById("confirm-text").textContent = text;
  const button = document.getElementById("confirm-yes");
  button.textContent = yes;
  button.classList.toggle("danger", danger);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/** Whether a camera shall go: the live page and the Cameras page do the same. @returns {Promise<boolean>} */
export const askRemoval = (id) =>
  ask(
    `Remove “${id}”?`,
    "Livesight stops watching this camera and deletes its URL. Events recorded so far remain.",
    "Remove",
  );
