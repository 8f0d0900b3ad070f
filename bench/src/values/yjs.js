// Counts and names with yjs as the other contestants do, and prints what that took.
import fs from "node:fs";
import * as Y from "yjs";
import { read, timed } from "./measure.mjs";

const acts = JSON.parse(fs.readFileSync(0, "utf8"));

function begin(author) {
  const document = new Y.Doc();
  // As long as the numbers that yjs draws: 32 bits.
  document.clientID = 0x90000000 + author;
  const counts = document.getMap("likes");
  const replica = { document, me: String(document.clientID), counts, names: document.getMap("names"), sent: null };
  document.on("update", (update, origin) => {
    if (origin !== "others") replica.sent = update;
  });
  return replica;
}

function edit({ me, counts, names }, act) {
  if (act === null) counts.set(me, (counts.get(me) ?? 0) + 1);
  else names.set(...act);
}

function text({ counts, names }) {
  const count = [...counts.values()].reduce((sum, own) => sum + own, 0);
  return [count, ...[...names.entries()].map(([name, value]) => `${name}=${value}`).sort()].join("\n");
}

let editing = 0;
const sentBy = acts.map((acts, author) => {
  const replica = begin(author);
  const sent = [];
  const [seconds] = timed(() => {
    for (const act of acts) {
      edit(replica, act);
      sent.push(replica.sent);
    }
  });
  editing += seconds;
  return sent;
});
const sent = sentBy[0].flatMap((_, turn) => sentBy.map((sent) => sent[turn]));
read({ begin, text, sent, editing, authors: acts.length });
