"use strict";
// The little that pages do by themselves; without it all of them still work.
(() => {
  const gone = document.getElementById("gone");
  // The server may be stopped while a page stays open: say so, and look again.
  document.addEventListener("htmx:sendError", () => { gone.hidden = false; });
  document.addEventListener("htmx:afterRequest", (event) => { if (event.detail.successful) { gone.hidden = true; } });

  // Keys of a list: j and k go down and up, Enter opens, / goes to the search field.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) { return; }
    const links = [...document.querySelectorAll(".lines > li > a")];
    const at = links.indexOf(document.activeElement);
    if (event.key === "j" && links.length) { links[Math.min(at + 1, links.length - 1)].focus(); event.preventDefault(); }
    if (event.key === "k" && links.length) { links[Math.max(at - 1, 0)].focus(); event.preventDefault(); }
    const search = document.querySelector("input[type=search]");
    if (event.key === "/" && search) { search.focus(); event.preventDefault(); }
  });
})();
