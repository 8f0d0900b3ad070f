// Runs in the sending page: clicks the cells of a known order one after another, and says when each click began.
const [width, height, first, count, pauses] = arguments;
const canvas = document.querySelector('[data-testid="place-canvas"]');
const now = () => performance.timeOrigin + performance.now();
const clicked = [];
for (let index = 0; index < count; index++) {
    await new Promise(done => setTimeout(done, pauses[index]));
    const cell = first + index;
    const box = canvas.getBoundingClientRect();
    const pointer = {
        bubbles: true, cancelable: true, pointerId: 1, pointerType: 'mouse', button: 0,
        clientX: box.left + ((cell % width) + 0.5) / width * box.width,
        clientY: box.top + (Math.floor(cell / width) + 0.5) / height * box.height,
    };
    clicked.push(now());
    canvas.dispatchEvent(new PointerEvent('pointerdown', { ...pointer, buttons: 1 }));
    canvas.dispatchEvent(new PointerEvent('pointerup', { ...pointer, buttons: 0 }));
    canvas.dispatchEvent(new MouseEvent('click', pointer));
}
return clicked;
