// SPDX-License-Identifier: MIT
// Sends the forms without leaving the page, and follows what they began. Without it the page works, too.
"use strict";
const at = id => document.getElementById(id);

function show(now) {
    at("job").hidden = false;
    at("job").dataset.state = now.state;
    at("what").textContent = now.what;
    at("state").textContent = now.state;
    at("message").textContent = now.message || `${now.step} ${now.amount}`;
    at("cancel").hidden = now.state !== "running";
    if (now.total > 0) {
        at("progress").max = now.total;
        at("progress").value = now.done;
    } else {
        at("progress").removeAttribute("value");
    }
    at("findings").replaceChildren(...now.findings.map(line => {
        const item = document.createElement("li");
        item.textContent = line;
        return item;
    }));
    for (const button of document.querySelectorAll("button:not(#cancel)"))
        button.disabled = now.state === "running";
}

async function renew() {
    const answer = await fetch("./");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["health", "backups"])
        at(id).replaceWith(page.getElementById(id));
}

let following = null;
function follow() {
    following?.close();
    following = new EventSource("events");
    following.onmessage = event => {
        const now = JSON.parse(event.data);
        show(now);
        if (now.state !== "running") {
            following.close();
            renew();
        }
    };
}

document.addEventListener("submit", async event => {
    event.preventDefault();
    const form = event.target;
    const answer = await fetch(form.action, {
        method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "manual" });
    if (answer.type === "opaqueredirect")
        follow();
    else
        at("message").textContent = await answer.text();
});
if (at("job").dataset.state === "running")
    follow();
