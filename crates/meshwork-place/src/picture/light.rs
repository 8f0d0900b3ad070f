//! sRGB bytes and the light they stand for (IEC 61966-2-1): averages are taken of light, not of bytes.

use std::sync::LazyLock;

/// Light for each byte, from 0 to 1.
static LIGHT: LazyLock<[f32; 256]> = LazyLock::new(|| {
    let mut table = [0.0; 256];
    for (byte, light) in table.iter_mut().enumerate() {
        *light = decode(byte as f32 / 255.0);
    }
    table
});

/// Where light is nearer to the next byte than to this one: half-way between them as bytes.
static STEPS: LazyLock<[f32; 255]> = LazyLock::new(|| {
    let mut table = [0.0; 255];
    for (byte, step) in table.iter_mut().enumerate() {
        *step = decode((byte as f32 + 0.5) / 255.0);
    }
    table
});

/// The light of a byte, from 0 to 1.
pub fn from_byte(byte: u8) -> f32 {
    LIGHT[usize::from(byte)]
}

/// The light of three bytes.
pub fn from_bytes(bytes: [u8; 3]) -> [f32; 3] {
    bytes.map(from_byte)
}

/// The byte that stands for this much light; what is below 0 or above 1 is taken as 0 or 1.
pub fn to_byte(light: f32) -> u8 {
    // The table has 255 entries, so their count fits.
    STEPS.partition_point(|step| *step <= light) as u8
}

/// The electro-optical transfer function of sRGB.
fn decode(encoded: f32) -> f32 {
    if encoded <= 0.04045 {
        return encoded / 12.92;
    }
    let base = (encoded + 0.055) / 1.055;
    // base^2.4 = base^2 * (base^2)^(1/5).
    let square = base * base;
    square * fifth_root(square)
}

/// By Newton's method, so that the last bit is the same on every machine; the library's `powf` is not.
fn fifth_root(of: f32) -> f32 {
    let of = f64::from(of);
    let mut root = 1.0_f64;
    for _ in 0..32 {
        let fourth = root * root * root * root;
        root = (4.0 * root + of / fourth) / 5.0;
    }
    root as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        for byte in 0..=255 {
            assert_eq!(to_byte(from_byte(byte)), byte);
        }
        assert_eq!((to_byte(-1.0), to_byte(2.0), to_byte(f32::NAN)), (0, 255, 0));
    }

    #[test]
    fn light_is_that_of_the_standard() {
        for (byte, light) in [(0, 0.0), (10, 0.003_035_3), (128, 0.215_860_5), (188, 0.502_886_5), (255, 1.0)]
        {
            assert!((from_byte(byte) - light).abs() < 1e-6, "{byte}: {}", from_byte(byte));
        }
        for byte in 0..=255_u8 {
            let share = f64::from(byte) / 255.0;
            let exact = if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) };
            assert!((f64::from(from_byte(byte)) - exact).abs() < 1e-6);
        }
    }
}
