"use strict";
// table.js of Datasette asks for this name; the stock page sets it in an inline script, which the policy refuses
window.DATASETTE_ALLOW_FACET = true;
