// The one script of the HTML report: all explorers, mounted where the page says (see static_host.ts).

import charts from "./charts.ts";
import { plainExplorers } from "./plain_explorers.ts";
import { mountWhenReady } from "./static_host.ts";

mountWhenReady({ ...plainExplorers, charts: charts.render });
