// Starts the program, which cannot load a script itself.
import start from "./meshwork.js";

globalThis.loadEditor = () => import("./editor.js");
globalThis.loadStage = () => import("./stage.js");
globalThis.loadPool = () => import("./compute-pool.js");

// Hands over the picture with which a device opened this page: a file of its own, or what another program shared, which
// the worker has kept.
globalThis.takePicture = async (take) => {
  window.launchQueue?.setConsumer(async ({ files: [file] }) => file && take(await file.getFile()));
  if (location.search === "?shared") {
    history.replaceState(history.state, "", location.pathname);
    const cache = await caches.open("meshwork-shared");
    const kept = await cache.match("/shared");
    await cache.delete("/shared");
    kept && take(await kept.blob());
  }
};

// A program that serves the pages of one room names its address in them: the way from the port alone leads there.
const guest = document.querySelector("meta[name=meshwork-guest]");
guest && location.pathname === "/" && history.replaceState(history.state, "", guest.content);

// A program that has come upon a fault of its own stops for good with a trap, and cannot say so.
const stop = (fault) => fault instanceof WebAssembly.RuntimeError && document.body.classList.add("stopped");
addEventListener("error", (event) => stop(event.error));
addEventListener("unhandledrejection", (event) => stop(event.reason));
start();
