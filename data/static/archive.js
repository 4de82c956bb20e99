"use strict";
// table.js of Datasette asks for this name; the stock page sets it in an inline script, which the policy refuses
window.DATASETTE_ALLOW_FACET = true;

// table.js makes its menu out of two texts of its own; no other text ever becomes markup on these pages
if (window.trustedTypes) {
    window.trustedTypes.createPolicy("default", {
        createHTML: (text) => (text === window.DROPDOWN_HTML || text === window.DROPDOWN_ICON_SVG ? text : ""),
    });
}

const MENU = {
    "dropdown-sort-asc": "从小到大",
    "dropdown-sort-desc": "从大到小",
    "dropdown-facet": "按此列统计",
    "dropdown-hide-column": "不看此列",
    "dropdown-show-all-columns": "看全部列",
    "dropdown-not-blank": "只看此列不空的",
};
document.addEventListener("DOMContentLoaded", () => {
    if (!document.documentElement.lang.startsWith("zh")) return;
    for (const [name, text] of Object.entries(MENU)) {
        for (const entry of document.getElementsByClassName(name)) entry.textContent = text;
    }
    for (const cross of document.querySelectorAll('[aria-label="Remove this filter"]')) {
        cross.setAttribute("aria-label", "去掉这个条件");
    }
});
