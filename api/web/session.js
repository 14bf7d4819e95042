// Who is signed in, as the server has it; what the pages show follows from that.

import { SIGNED_OUT, whoAmI } from "./api.js";

let known = null;

/** An id of whoever is signed in; "" where it is not known, or nobody needs to be. */
export const ownId = () => known?.id ?? "";

/** How long a new password must be, as the server said. */
export const fewestCharacters = () => known?.password_length ?? 12;

/** Whether the signed-in may do that on that camera. Before the server has said who they are: yes, it judges anyway. */
export function mayOn(action, id) {
  const patterns = known?.scopes[action] ?? (known ? [] : ["*"]);
  return patterns.some((pattern) => matcher(pattern).test(id));
}

const matcher = (pattern) => new RegExp(`^${pattern.split("*").join(".*")}$`); // ids have no other special characters

/** Who this page is (as of `whoAmI`); null where the server cannot say now: the pages then tell that it is away. */
export async function session() {
  try {
    const who = await whoAmI();
    known = who;
    document.body.dataset.may = who.actions.join(" ");
    document.getElementById("insecure").hidden = !who.insecure;
    return who;
  } catch (error) {
    console.warn(error);
    return null;
  }
}

/** Whether that may be done at all, on some camera; while it is not known who asks the server decides. */
export const may = (action) => (document.body.dataset.may ?? action).split(" ").includes(action);

/** Calls back, once, when an answer said that nobody is signed in, and the server says so when it is asked. */
export function whenSignedOut(callback) {
  let asking = false;
  const check = async () => {
    if (asking) return;
    asking = true;
    const who = await session();
    asking = false;
    if (who && !who.signed_in) {
      window.removeEventListener(SIGNED_OUT, check);
      callback();
    }
  };
  window.addEventListener(SIGNED_OUT, check);
}
