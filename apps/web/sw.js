// Keeps the pages of one build, so that they load while their server is away.
//
// What is kept never changes: a newer build is another worker with a cache of its own, which waits until the person
// wants it. Signalling, and whatever is not a file of this build, is not touched.
const BUILD = "{{build}}";
// The path of the server's address, such as "/mesh"; empty for most.
const BASE = new URL(self.registration.scope).pathname.replace(/\/$/, "");
const ASSETS = BASE + "/assets/" + BUILD + "/";
const FILES = {{files}};
// Servers at other paths of the same host have caches of their own.
const CACHES = "meshwork-pages" + BASE + "-";
const CACHE = CACHES + BUILD;
const PAGE = ASSETS + "index.html";
// "/", the apps' addresses and their own pages', "/CODE", "/APP/CODE" and "/APP/CODE/VIEW", as the server answers.
const CODE = "(?!(assets|health)(/|$))[a-hj-np-z2-9]{6}";
const WORD = "[a-z0-9-]{1,32}";
const PAGES = new RegExp(`^/(index\\.html|({{apps}})/?|${CODE}/?|(?!assets/)${WORD}/${CODE}(/${WORD})?/?)?$`, "i");

// Where a device puts pictures that other programs share, as the manifest says.
const SHARED = BASE + "/place";

self.addEventListener("install", (event) => {
  event.waitUntil(
    // What the page has just loaded comes from the browser's own cache: its files never change.
    caches.open(CACHE).then((cache) => cache.addAll(FILES.map((name) => ASSETS + name))),
  );
});

self.addEventListener("message", (event) => {
  if (event.data === "update") {
    self.skipWaiting();
  }
});

self.addEventListener("activate", (event) => {
  const old = (name) => name.startsWith(CACHES) && name !== CACHE;
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  const isRead = request.method === "GET";
  if (url.origin !== self.location.origin) {
    return;
  }
  if (request.method === "POST" && url.pathname === SHARED) {
    event.respondWith(keep(request));
  } else if (isRead && request.mode === "navigate" && PAGES.test(url.pathname.slice(BASE.length))) {
    event.respondWith(answer(PAGE, request));
  } else if (isRead && url.pathname.startsWith(ASSETS)) {
    event.respondWith(answer(url.pathname, request));
  }
});

// The kept file; where the browser has thrown it away, what the server has.
async function answer(path, request) {
  const cache = await caches.open(CACHE);
  return (await cache.match(path)) ?? fetch(request);
}

// Keeps a picture until the page that opens takes it.
async function keep(request) {
  const picture = (await request.formData()).get("picture");
  if (picture instanceof File) {
    const cache = await caches.open("meshwork-shared");
    await cache.put("/shared", new Response(picture));
  }
  return Response.redirect(SHARED + "?shared", 303);
}
