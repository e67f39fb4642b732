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
    const keyed = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (keyed) { keyed.click(); event.preventDefault(); }
    const search = document.querySelector("input[type=search]");
    if (event.key === "/" && search) { search.focus(); event.preventDefault(); }
  });
})();

// Files go to the server as they are, one after the other, and appear in the list to be picked.
(() => {
  const field = document.querySelector("[data-upload]");
  if (!field) { return; }
  const told = document.getElementById("uploading");
  const token = document.querySelector("[name=form_token]").value;
  field.addEventListener("change", async () => {
    for (const file of field.files) {
      await new Promise((done) => {
        const request = new XMLHttpRequest();
        request.open("PUT", `${field.dataset.upload}?name=${encodeURIComponent(file.name)}`);
        request.setRequestHeader("X-Form-Token", token);
        request.upload.onprogress = (event) => { told.textContent = `${file.name}: ${Math.round(100 * event.loaded / Math.max(1, event.total))} %`; };
        request.onload = () => {
          if (request.status === 200) {
            const kept = JSON.parse(request.responseText);
            const line = document.createElement("li"), label = document.createElement("label"), box = document.createElement("input");
            box.type = "checkbox"; box.name = `file:${kept.path}`; box.value = "1"; box.checked = true;
            label.className = "pick"; label.append(box, ` ${kept.name}`); line.append(label);
            document.getElementById("no-files")?.remove();
            document.getElementById("picks").prepend(line);
            told.textContent = `${kept.name}: ${field.dataset.done}`;
          } else {
            const page = new DOMParser().parseFromString(request.responseText, "text/html");
            told.textContent = page.querySelector(".lead")?.textContent || `${file.name}: ${request.status}`;
          }
          done();
        };
        request.onerror = () => { told.textContent = `${file.name}: ?`; done(); };
        request.send(file);
      });
    }
    field.value = "";
  });
})();

// A slider and its number say the same; the number is what the form sends.
(() => {
  document.querySelectorAll("input[type=range][data-for]").forEach((slider) => {
    const number = document.getElementById(slider.dataset.for);
    const ratio = () => Number(number.value) > 1 || [...document.querySelectorAll(".shares input[type=number]")].some((one) => Number(one.value) > 1);
    const show = () => { slider.max = ratio() ? 100 : 1; slider.step = ratio() ? 1 : 0.01; slider.value = number.value; };
    slider.addEventListener("input", () => { number.value = slider.value; number.dispatchEvent(new Event("input", { bubbles: true })); });
    number.addEventListener("input", show);
    show();
  });
})();
