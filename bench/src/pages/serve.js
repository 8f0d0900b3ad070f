// A web server for the files of one folder.
import fs from "node:fs";
import http from "node:http";
import path from "node:path";

const KINDS = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };
const folder = process.argv[4];

const server = http.createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  const file = path.join(folder, pathname === "/" ? "index.html" : path.normalize(pathname));
  fs.readFile(file, (error, bytes) => {
    const kind = KINDS[path.extname(file)] ?? "application/octet-stream";
    response.writeHead(error ? 404 : 200, { "content-type": kind });
    response.end(bytes);
  });
});
server.listen(0);
