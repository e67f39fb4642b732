"use strict";
// The little that pages do by themselves; without it all of them still work.
(() => {
  const gone = document.getElementById("gone");
  // The server may be stopped while a page stays open: say so, and look again.
  document.addEventListener("htmx:sendError", () => { gone.hidden = false; });
  document.addEventListener("htmx:afterRequest", (event) => { if (event.detail.successful) { gone.hidden = true; } });

  // A run sends the part of its page that changes. A server that refuses, or is gone, is asked again.
  const progress = document.querySelector("[data-events]");
  if (progress) {
    const listen = () => {
      const source = new EventSource(progress.dataset.events);
      source.onmessage = (event) => {
        const open = [...progress.querySelectorAll("details")].map((one) => one.open);
        progress.innerHTML = event.data; // the server's own template, with all texts escaped
        progress.querySelectorAll("details").forEach((one, place) => { one.open = open[place] || one.open; });
        gone.hidden = true;
      };
      source.addEventListener("over", () => source.close());
      source.onerror = () => {
        gone.hidden = source.readyState !== EventSource.CLOSED && source.readyState !== EventSource.CONNECTING;
        if (source.readyState === EventSource.CLOSED) { source.close(); setTimeout(listen, 3000); }
      };
    };
    listen();
  }

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
