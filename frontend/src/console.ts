// On every page: htmx, and what makes plain pages quicker to use. Each part listens on the document, so that what
// htmx swaps in later works without being set up again.
import { confirmations } from "./confirm";
import { copying } from "./copy";
import { forms } from "./forms";
import { keys } from "./keys";
import { liveCounts } from "./live";
import { menus } from "./menus";
import { selecting } from "./select";
import { swaps } from "./swaps";
import { themes } from "./themes";
import { words } from "./dom";

const said = words(document.body, {
  ok: "OK",
  cancel: "Cancel",
  close: "Close",
  copied: "Copied",
  copy_failed: "Could not be copied: select it and copy it by hand",
  keys: "Keys",
  keys_on: "Use these keys",
  key_search: "Go to the search box",
  key_help: "Show this list",
  request_failed: "The server answered with an error ({status}). Nothing was changed on this page.",
  request_offline: "The server did not answer. Check the connection, then try again.",
});

swaps(said);
confirmations(said);
copying(said);
forms();
keys(said);
liveCounts();
menus();
selecting();
themes();
