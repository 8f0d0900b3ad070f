//! What lies over what: texts of bytes between any two of which there is another one, so that a shape is moved between two
//! by one write (fractional indices, as Figma and "Implementing Fractional Indexing" by David Greenspan, 2020, have them).
//!
//! The first four bytes are a number, big-endian, so that a shape on top of all takes the next one and stays short; what
//! follows lies between two numbers.

/// Longest order, in bytes: twenty shapes put between the same two, each time at the tighter end, need it.
pub const ORDER_MAX: usize = 24;
const NUMBER: usize = 4;
/// Where the first shape lies: as many have place below it as above.
const MIDDLE: u32 = 1 << 31;

/// The place of a shape in the order of all: greater ones lie over it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order(Vec<u8>);

impl Order {
    /// The place that these bytes say; `None` for those that are too short or too long.
    pub fn read(bytes: &[u8]) -> Option<Order> {
        (NUMBER..=ORDER_MAX).contains(&bytes.len()).then(|| Order(bytes.to_vec()))
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// A place between two, of which `None` is the end of the order. Where there is none, as between two that are equal,
    /// it is that of the lower one.
    pub fn between(below: Option<&Order>, above: Option<&Order>) -> Order {
        let low = below.map_or(0, Order::number);
        let high = above.map_or(u32::MAX, Order::number);
        let number = match (below, above) {
            (None, None) => MIDDLE,
            (Some(_), None) => low.saturating_add(1),
            (None, Some(_)) => high.saturating_sub(1),
            (Some(_), Some(_)) => u32::midpoint(low, high),
        };
        if (below.is_none() || low < number) && (above.is_none() || number < high) {
            return Order(number.to_be_bytes().to_vec());
        }
        let rest = |order: Option<&Order>| order.map(|order| order.0[NUMBER..].to_vec()).unwrap_or_default();
        let base = below.map_or(high, |_| low);
        let above = above.filter(|above| above.number() == base);
        let fraction = fraction(
            &rest(below.filter(|below| below.number() == base)),
            above.map(|above| &above.0[NUMBER..]),
        );
        let bytes = [&base.to_be_bytes()[..], &fraction].concat();
        match (Order::read(&bytes), below) {
            (Some(order), _) => order,
            (None, Some(below)) => below.clone(),
            (None, None) => Order(base.to_be_bytes().to_vec()),
        }
    }

    fn number(&self) -> u32 {
        self.0.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
    }
}

/// Bytes above `low` and, where there is an end, below `high`, which is above `low`.
fn fraction(low: &[u8], high: Option<&[u8]>) -> Vec<u8> {
    let mut between = Vec::new();
    let mut high = high;
    for place in 0..=ORDER_MAX {
        let least = u16::from(low.get(place).copied().unwrap_or(0));
        let most = high.map_or(256, |high| u16::from(high.get(place).copied().unwrap_or(0)));
        if most > least + 1 {
            between.push(u16::midpoint(least, most) as u8);
            break;
        }
        between.push(least as u8);
        if most > least {
            // All that goes on from here lies below the end.
            high = None;
        }
    }
    between
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_place_between_any_two() {
        let mut orders = vec![Order::between(None, None)];
        let mut seed = 7_u64;
        for _ in 0..400 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (seed >> 33) as usize % (orders.len() + 1);
            let below = at.checked_sub(1).map(|below| &orders[below]);
            let order = Order::between(below, orders.get(at));
            assert!(below.is_none_or(|below| *below < order), "{below:?} is not below {order:?}");
            assert!(
                orders.get(at).is_none_or(|above| order < *above),
                "{order:?} is not below {:?}",
                orders.get(at)
            );
            orders.insert(at, order);
        }
    }

    #[test]
    fn what_is_put_on_top_stays_short() {
        let mut top = Order::between(None, None);
        for _ in 0..10_000 {
            let next = Order::between(Some(&top), None);
            assert!(next > top && next.bytes().len() == NUMBER);
            top = next;
        }
        let below = Order::between(None, Some(&Order::between(None, None)));
        assert_eq!((below < top, below.bytes().len()), (true, NUMBER));
    }

    #[test]
    fn the_ends_and_equal_ones_are_survived() {
        let least = Order::read(&[0; NUMBER]).expect("long enough");
        let most = Order::read(&[0xff; ORDER_MAX]).expect("short enough");
        assert_eq!(Order::between(Some(&least), Some(&least)), least);
        assert_eq!(Order::between(Some(&most), None), most);
        assert!(Order::between(None, Some(&least)) <= least);
        assert!(Order::between(Some(&least), Some(&most)) > least);
        assert_eq!((Order::read(&[0; 3]), Order::read(&[0; ORDER_MAX + 1])), (None, None));
    }

    #[test]
    fn twenty_fit_between_the_same_two() {
        let low = Order::between(None, None);
        let mut high = Order::between(Some(&low), None);
        for _ in 0..20 {
            let between = Order::between(Some(&low), Some(&high));
            assert!(low < between && between < high, "{between:?}");
            high = between;
        }
    }
}
