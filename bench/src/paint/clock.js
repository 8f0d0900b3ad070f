// How far this page's clock is ahead of the machine's, in milliseconds: read at the ticks of the machine's clock.
const now = () => performance.timeOrigin + performance.now();
const ahead = [];
for (let tick = 0; tick < 15; tick++) {
    const before = Date.now();
    while (Date.now() === before);
    ahead.push(now() - Date.now());
}
ahead.sort((one, other) => one - other);
return ahead[7];
