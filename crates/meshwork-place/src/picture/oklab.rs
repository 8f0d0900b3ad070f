//! OKLab, where distance is how different two colours look.
//!
//! Björn Ottosson, "A perceptual color space for image processing", 2020, with the matrices of 25 January 2021.

use super::light;

/// A colour by lightness (0 black to 1 white), green to red, and blue to yellow.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Oklab {
    /// Lightness.
    pub lightness: f32,
    /// From green (negative) to red.
    pub a: f32,
    /// From blue (negative) to yellow.
    pub b: f32,
}

impl Oklab {
    /// The colour of three sRGB bytes.
    pub fn from_srgb(bytes: [u8; 3]) -> Oklab {
        Oklab::from_light(light::from_bytes(bytes))
    }

    /// The colour of red, green and blue light, each 0 to 1.
    pub fn from_light([red, green, blue]: [f32; 3]) -> Oklab {
        let long = cube_root(0.412_221_46 * red + 0.536_332_55 * green + 0.051_445_995 * blue);
        let middle = cube_root(0.211_903_5 * red + 0.680_699_5 * green + 0.107_396_96 * blue);
        let short = cube_root(0.088_302_46 * red + 0.281_718_85 * green + 0.629_978_7 * blue);
        Oklab {
            lightness: 0.210_454_26 * long + 0.793_617_8 * middle - 0.004_072_047 * short,
            a: 1.977_998_5 * long - 2.428_592_2 * middle + 0.450_593_7 * short,
            b: 0.025_904_037 * long + 0.782_771_77 * middle - 0.808_675_77 * short,
        }
    }

    /// The square of the Euclidean distance: enough to compare with.
    pub fn distance_squared(self, other: Oklab) -> f32 {
        let square = |difference: f32| difference * difference;
        square(self.lightness - other.lightness) + square(self.a - other.a) + square(self.b - other.b)
    }
}

/// By Halley's method from an estimate of the bits, so that the last bit is the same on every machine.
fn cube_root(of: f32) -> f32 {
    if of <= 0.0 {
        return 0.0;
    }
    // A third of the exponent: within 4 % of the root (Kahan, "Computing a real cube root", 1991).
    let mut root = f32::from_bits(of.to_bits() / 3 + 709_921_077);
    for _ in 0..2 {
        let cube = root * root * root;
        root *= (cube + 2.0 * of) / (2.0 * cube + of);
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_colours_of_the_source() {
        // Values of a second implementation, CSS Color 4's sample code, rounded to four places.
        let cases = [
            ([255, 255, 255], (1.0, 0.0, 0.0)),
            ([255, 0, 0], (0.6280, 0.2249, 0.1258)),
            ([0, 255, 0], (0.8664, -0.2339, 0.1795)),
            ([0, 0, 255], (0.4520, -0.0325, -0.3115)),
            ([0, 0, 0], (0.0, 0.0, 0.0)),
        ];
        for (bytes, (lightness, a, b)) in cases {
            let found = Oklab::from_srgb(bytes);
            let wanted = Oklab { lightness, a, b };
            assert!(found.distance_squared(wanted) < 1e-7, "{bytes:?}: {found:?}");
        }
    }

    #[test]
    fn greys_have_no_hue_and_grow_lighter() {
        let greys: Vec<_> = (0..=255).map(|byte| Oklab::from_srgb([byte; 3])).collect();
        assert!(greys.iter().all(|grey| grey.a.abs() < 1e-4 && grey.b.abs() < 1e-4));
        assert!(greys.windows(2).all(|pair| pair[0].lightness < pair[1].lightness));
    }

    #[test]
    fn cube_roots_are_exact_enough() {
        for step in 0..=10_000 {
            let of = step as f32 / 10_000.0;
            assert!((cube_root(of) - of.cbrt()).abs() < 1e-6, "{of}");
        }
    }
}
