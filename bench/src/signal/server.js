// A signalling server on npm `ws` that does what ours does for the messages of the race, as one would write it.
"use strict";
const crypto = require("node:crypto");
const { WebSocketServer } = require("ws");

const SPKI = Buffer.from("302a300506032b6570032100", "hex"); // Ed25519 public key (RFC 8410) without the key.
const members = new Map(); // room -> Map(endpoint -> socket)
const known = new Map(); // room -> genesis

function endpointBytes(text) {
  const [peer, instance] = text.split(".");
  return Buffer.concat([Buffer.from(peer, "base64url"), Buffer.from(instance, "hex")]);
}

function verifies(endpoint, message, signature) {
  const der = Buffer.concat([SPKI, endpointBytes(endpoint).subarray(0, 32)]);
  const key = crypto.createPublicKey({ key: der, format: "der", type: "spki" });
  return crypto.verify(null, message, key, Buffer.from(signature, "base64url"));
}

function leave(socket) {
  for (const room of socket.rooms) {
    const inside = members.get(room);
    inside.delete(socket.endpoint);
    const left = JSON.stringify({ type: "member-left", room, endpoint: socket.endpoint });
    for (const other of inside.values()) other.send(left);
  }
}

const handlers = {
  enter(socket, message) {
    const { endpoint, sealing_key: sealing, signature } = message.announcement;
    const bytes = endpointBytes(endpoint);
    const proof = Buffer.concat([Buffer.from("meshwork signalling enter v1"), socket.challenge, bytes]);
    const announced = Buffer.concat([Buffer.from("meshwork sealing key v1"), bytes, Buffer.from(sealing, "base64url")]);
    if (!verifies(endpoint, proof, message.proof) || !verifies(endpoint, announced, signature)) return socket.close();
    socket.endpoint = endpoint;
    socket.announcement = message.announcement;
    socket.send('{"type":"entered"}');
  },
  register(socket, message) {
    const room = crypto.createHash("sha256").update(Buffer.from(message.genesis, "base64url")).digest("base64url");
    known.set(room, message.genesis);
    if (!members.has(room)) members.set(room, new Map());
    socket.send(JSON.stringify({ type: "found", room, code: "AAAAAA", genesis: message.genesis }));
  },
  join(socket, message) {
    const inside = members.get(message.room);
    if (!inside) return socket.send(JSON.stringify({ type: "refused", reason: "no-such-room", detail: "" }));
    const others = [...inside.values()].map((other) => other.announcement);
    inside.set(socket.endpoint, socket);
    socket.rooms.add(message.room);
    socket.send(JSON.stringify({ type: "joined", room: message.room, members: others }));
    const { room } = message;
    const joined = JSON.stringify({ type: "member-joined", room, announcement: socket.announcement });
    for (const other of inside.values()) if (other !== socket) other.send(joined);
  },
  signal(socket, message) {
    const inside = members.get(message.room);
    if (!inside || !inside.has(socket.endpoint)) return socket.close();
    const receiver = inside.get(message.to);
    if (!receiver || typeof message.payload !== "string" || message.payload.length > 10923) return;
    if (receiver.bufferedAmount > 192 * 1024) return;
    receiver.send(JSON.stringify({ type: "signal", room: message.room, from: socket.endpoint, payload: message.payload }));
  },
  "keep-alive"(socket) {
    socket.send('{"type":"keep-alive"}');
  },
};

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, path: "/signal", maxPayload: 16384, perMessageDeflate: false, backlog: 4096 });
server.on("connection", (socket) => {
  socket.challenge = crypto.randomBytes(32);
  socket.rooms = new Set();
  const challenge = socket.challenge.toString("base64url");
  socket.send(JSON.stringify({ type: "welcome", versions: [2, 2], challenge, time_ms: Date.now(), keep_alive_ms: 25000 }));
  socket.on("message", (data) => {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return socket.close();
    }
    const handler = handlers[message.type];
    if (handler && (socket.endpoint || message.type === "enter")) handler(socket, message);
  });
  socket.on("close", () => leave(socket));
  socket.on("error", () => {});
});
server.on("listening", () => console.log(`listening on ${server.address().port}`));
