// The script of a report that must be small: charts are pictures there, and their library is four fifths of the other script.

import { plainExplorers } from "./plain_explorers.ts";
import { mountWhenReady } from "./static_host.ts";

mountWhenReady(plainExplorers);
