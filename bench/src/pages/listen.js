// Runs a server's script on a free port of an address, whatever port it asks for, and says which.
import net from "node:net";
import { pathToFileURL } from "node:url";

const [host, script] = process.argv.slice(2);
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...given) {
  const ready = given.find((one) => typeof one === "function");
  return listen.call(this, 0, host, () => {
    console.log(`port ${this.address().port}`);
    ready?.();
  });
};
await import(pathToFileURL(script));
