"use strict";
const form = document.getElementById("latest"), box = document.getElementById("message"), log = document.getElementById("log");
const entry = (who, text, mine) => {
  const item = document.createElement("li"), name = document.createElement("span"), said = document.createElement("span");
  name.className = "who"; name.textContent = who; said.textContent = text;
  if (mine) item.className = "me";
  item.append(name, said); log.append(item); item.scrollIntoView({ block: "nearest" });
  return said;
};
async function send(message) {
  entry("You", message, true);
  const said = entry("Assistant", "Working on it…");
  const answer = await fetch(location.pathname.replace(/\/$/, "") + "/messages", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify({ message, message_id: form["form-nonce"].value }),
  });
  if (!answer.ok) { said.textContent = (await answer.json()).message; return; }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "", streamed = "";
  for (let piece; !(piece = await reader.read()).done; ) {
    const events = (rest + piece.value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const kind = /^event: (.*)$/m.exec(event)[1], data = JSON.parse(/^data: (.*)$/m.exec(event)[1]);
      if (kind === "text") said.textContent = streamed += data.text;
      if (kind === "reply") said.textContent = data.reply;
      if (kind === "error") said.textContent = data.message;
    }
  }
}
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const message = box.value.trim(), button = form.querySelector("button");
  if (!message || button.disabled) return;
  button.disabled = true;
  box.value = "";
  send(message).catch(() => entry("Assistant", "The connection broke; reload the page to see the answer."))
    .finally(() => {
      button.disabled = false;
      form["form-nonce"].value = Array.from(crypto.getRandomValues(new Uint8Array(18)), (n) => n.toString(16).padStart(2, "0")).join("");
      box.focus();
    });
});
box.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); form.requestSubmit(); }
});
