
const files = {};
async function bytesOf(name) {
    const answer = await fetch(new URL(name, import.meta.url));
    if (!answer.ok) {
        throw new Error(`${name}: ${answer.status}`);
    }
    return answer.arrayBuffer();
}
// A wasm that lies in a file with others, which is fetched once, and anew after it could not be.
function piece(name, from, length) {
    return () => {
        const bytes = (files[name] ??= bytesOf(name));
        bytes.catch(() => delete files[name]);
        return async (imports) => WebAssembly.instantiate(new Uint8Array(await bytes, from, length), imports);
    };
}
