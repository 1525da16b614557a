/** Starts the page: the feed and the questions first, so that they are on their way while the page is drawn. */
import { render } from "preact";
import { App } from "./app";
import { startPage } from "./state/page";
import "./style/tokens.css";
import "./style/base.css";
import "./style/frame.css";
import "./style/parts.css";
import "./style/views.css";
import "./style/sheet.css";

startPage();
const root = document.getElementById("page");
if (root !== null) render(<App />, root);
