/** Sets the theme that was chosen before anything is painted, so that a dark room never sees a white flash. */
import { readSettings } from "./state/stored-settings";

const root = document.documentElement.dataset;
const { theme } = readSettings();
// What the collector was started with (`--theme`) is kept for whoever has chosen nothing.
root["themeDefault"] = root["theme"] ?? "system";
if (theme !== undefined) root["theme"] = theme;
