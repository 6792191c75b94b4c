// The WIT edge of the page: HTTP, and the files of `page/`, which are part of the component.

import icon from "../page/icon.svg?text";
import html from "../page/index.html?text";
import script from "../page/main.ts?browser";
import style from "../page/style.css?text";
import { serveHttp } from "../../common/http.ts";
import { createSite } from "./site.ts";

const site = createSite({ html, script, style, icon });

export const incomingHandler = serveHttp(site);
