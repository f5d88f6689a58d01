// Keeps the figures of the status page up to date, and looks for a newer release
// when it is asked to.
import { isLatestRelease } from "./helpers.js";

const retryAfter = 1000; // milliseconds until a lost connection is tried again
const state = document.getElementById("live");

// show writes the figures where the page has a place for them.
function show(figures) {
  for (const element of document.querySelectorAll("[data-key]")) {
    const value = figures[element.dataset.key];
    if (typeof value !== "number") {
      continue;
    }
    if (element instanceof HTMLProgressElement) {
      element.value = value;
    } else {
      element.textContent = value.toLocaleString("en-US");
    }
  }
}

// connect listens for figures as they change, over TLS where the page came so.
function connect() {
  const address = new URL("/api/ws0/status", location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(address);
  socket.addEventListener("open", () => {
    state.dataset.state = "ok";
    state.textContent = "live";
  });
  socket.addEventListener("message", (event) => show(JSON.parse(event.data)));
  socket.addEventListener("close", () => {
    state.dataset.state = "degraded";
    state.textContent = "reconnecting";
    setTimeout(connect, retryAfter);
  });
}

const button = document.getElementById("check-release");
button?.addEventListener("click", async () => {
  const result = document.getElementById("release");
  button.disabled = true;
  result.textContent = "asking GitHub…";
  try {
    const latest = await isLatestRelease(button.dataset.version, button.dataset.repository);
    result.textContent = latest ? "This is the latest release." : "There is another release.";
  } catch {
    result.textContent = "GitHub cannot be asked now: try again later.";
  }
  button.disabled = false;
});

state.hidden = false;
if (button) {
  button.hidden = false;
}
connect();
