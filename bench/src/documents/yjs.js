// Replays an editing history with yjs as the other contestants do, and prints what that took.
import fs from "node:fs";
import zlib from "node:zlib";
import * as Y from "yjs";
import { expect, read, timed } from "./measure.mjs";

const [path, count, runs] = [process.argv[2], Number(process.argv[3]), JSON.parse(fs.readFileSync(0, "utf8"))];
const trace = JSON.parse(zlib.gunzipSync(fs.readFileSync(path)));
const transactions = trace.txns.slice(0, count);

const agents = trace.numAgents ?? 1;

function begin(agent) {
  const document = new Y.Doc({ gc: false });
  // As long as the numbers that yjs draws: 32 bits.
  document.clientID = 0x90000000 + agent;
  const replica = { document, text: document.getText("text"), sent: null };
  document.on("update", (update, origin) => {
    if (origin !== "others") replica.sent = update;
  });
  return replica;
}

function edit({ document, text }, patches) {
  document.transact(() => {
    for (const [at, deleted, inserted] of patches) {
      if (deleted > 0) text.delete(at, deleted);
      if (inserted !== "") text.insert(at, inserted);
    }
  });
}

const sent = [];
let editing = 0;
const replicas = Array.from({ length: agents }, (_, agent) => begin(agent));
for (const { agent, heard, from, to } of runs) {
  const replica = replicas[agent];
  for (const one of heard) Y.applyUpdate(replica.document, sent[one], "others");
  const [seconds] = timed(() => {
    for (let number = from; number < to; number++) {
      edit(replica, transactions[number].patches);
      sent.push(replica.sent);
    }
  });
  editing += seconds;
}
const end = replicas[runs.at(-1).agent].text.toString();

const text = ({ text }) => text.toString();
expect(read({ begin, text, sent, editing, authors: agents }) === end, "who only reads reads something else");
if (transactions.length === trace.txns.length) expect(end === trace.endContent, "the trace ends otherwise");
