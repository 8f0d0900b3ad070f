// Runs in the receiving page: notes when each cell of a known order first has a pixel in the page's canvas, and when
// the frame after that begins.
const [width, height, first, count] = arguments;
const canvas = document.querySelector('[data-testid="place-canvas"]');
const now = () => performance.timeOrigin + performance.now();
const seen = { drawn: [], framed: [] };
let awaited = 0;
function look(context) {
    if (context.canvas !== canvas) return;
    while (awaited < count) {
        const cell = first + awaited;
        const x = Math.floor(((cell % width) + 0.5) / width * canvas.width);
        const y = Math.floor((Math.floor(cell / width) + 0.5) / height * canvas.height);
        if (read.call(context, x, y, 1, 1).data[3] === 0) return;
        seen.drawn.push(now());
        const index = awaited++;
        if (isInFrame) seen.framed[index] = now();
        else frame(() => { seen.framed[index] = now(); });
    }
}
const drawing = CanvasRenderingContext2D.prototype;
const read = drawing.getImageData;
const frame = window.__frame ?? window.requestAnimationFrame.bind(window);
window.__frame = frame;
// What is drawn by a frame's own callback is shown by that frame.
let isInFrame = false;
window.requestAnimationFrame = call => frame(time => {
    isInFrame = true;
    try { call(time); } finally { isInFrame = false; }
});
window.__originals ??= Object.fromEntries(
    ['putImageData', 'drawImage', 'fillRect'].map(name => [name, drawing[name]]));
for (const [name, original] of Object.entries(window.__originals)) {
    drawing[name] = function (...rest) {
        const result = original.apply(this, rest);
        look(this);
        return result;
    };
}
window.__seen = seen;
