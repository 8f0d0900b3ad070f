// What every script with yjs measures: taking in, keeping and opening. The result is printed.
import * as Y from "yjs";

/** Seconds of processor time of all threads, and what `work` gave. */
export function timed(work) {
  const before = process.cpuUsage();
  const given = work();
  const { user, system } = process.cpuUsage(before);
  return [(user + system) / 1e6, given];
}

export function expect(holds, what) {
  if (!holds) throw new Error(what);
}

/** Lets a reader take in what edits that took so long sent, keep it and open it. Returns how it reads. */
export function read({ begin, text, sent, editing, authors }) {
  const reader = begin(authors);
  const [applying, told] = timed(() => {
    for (const update of sent) Y.applyUpdate(reader.document, update, "others");
    return text(reader);
  });
  const kept = Y.encodeStateAsUpdate(reader.document);
  globalThis.gc();
  const used = () => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
  const before = used();
  const opened = begin(authors + 1);
  const [opening, again] = timed(() => {
    Y.applyUpdate(opened.document, kept, "others");
    return text(opened);
  });
  expect(again === told, "what was kept reads otherwise");
  globalThis.gc();
  const memory = Math.max(0, used() - before);
  expect(text(opened).length === told.length, "it is still open");
  const measured = { edit: editing, apply: applying, open: opening, kept: kept.length, memory, text: told };
  console.log(JSON.stringify(measured));
  return told;
}
