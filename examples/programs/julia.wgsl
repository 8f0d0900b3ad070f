// A tile of 64 by 64 pixels of a Julia set: z becomes z * z + c. All arithmetic is that of integers, with 28 bits behind the point, since
// floats differ between cards. So every card gives the same bytes.

struct Unit {
    unit: u32,
    units: u32,
    size: u32,
    pad: u32,
    // The parameters, by name.
    columns: f32,
    im: f32,
    iterations: f32,
    re: f32,
    rows: f32,
    width: f32,
}

@group(0) @binding(1) var<storage, read_write> pixels: array<u32>;
@group(0) @binding(2) var<uniform> given: Unit;

const TILE: i32 = 64;
const ONE: f32 = 268435456.0;
const TWO: i32 = 536870912;

// The product of two numbers with 28 bits behind the point.
fn product(a: i32, b: i32) -> i32 {
    let x = u32(abs(a));
    let y = u32(abs(b));
    let low = (x & 0xffffu) * (y & 0xffffu);
    let cross = (x >> 16u) * (y & 0xffffu);
    let other = (x & 0xffffu) * (y >> 16u);
    let middle = (low >> 16u) + (cross & 0xffffu) + (other & 0xffffu);
    let high = (x >> 16u) * (y >> 16u) + (cross >> 16u) + (other >> 16u) + (middle >> 16u);
    let size = i32((high << 4u) | ((middle & 0xffffu) >> 12u));
    return select(size, -size, (a < 0) != (b < 0));
}

// The steps until z leaves the circle of radius 2.
fn steps(x: i32, y: i32) -> u32 {
    let re = i32(given.re * ONE);
    let im = i32(given.im * ONE);
    var z = vec2i(x, y);
    let most = u32(given.iterations);
    for (var step = 0u; step < most; step++) {
        if (abs(z.x) > TWO || abs(z.y) > TWO) { return step; }
        let xx = product(z.x, z.x);
        let yy = product(z.y, z.y);
        if (u32(xx) + u32(yy) > 1073741824u) { return step; }
        z = vec2i(xx - yy + re, 2 * product(z.x, z.y) + im);
    }
    return most;
}

fn wave(step: u32, shift: u32) -> u32 {
    let place = (step * 5u + shift) & 511u;
    return select(511u - place, place, place < 256u);
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let columns = i32(given.columns);
    let tile = vec2i(i32(given.unit) % columns, i32(given.unit) / columns);
    let pixel = tile * TILE + vec2i(id.xy);
    let pitch = i32(given.width * ONE) / (columns * TILE);
    let middle = vec2i(columns, i32(given.rows)) * TILE / 2;
    let z = (pixel - middle) * pitch;
    let step = steps(z.x, z.y);
    let inside = step == u32(given.iterations);
    let colour = wave(step, 40u) | (wave(step, 130u) << 8u) | (wave(step, 200u) << 16u) | 0xff000000u;
    pixels[id.y * u32(TILE) + id.x] = select(colour, 0xff201008u, inside);
}
