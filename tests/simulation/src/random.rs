//! Every choice of a simulated world, drawn from its one seed.

use porter_world::ports::SeededEntropy;

/// The source of all choices. The same seed gives the same choices in the same order.
pub struct Random(SeededEntropy);

impl Random {
    /// Choices that follow from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds must not begin alike.
        Self(SeededEntropy::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x5bd1_e995))
    }

    /// A number below `end`, which is at least 1.
    #[must_use]
    pub fn below(&self, end: u64) -> u64 {
        self.0.next() % end.max(1)
    }

    /// A number from `from` up to and including `to`.
    #[must_use]
    pub fn between(&self, from: i64, to: i64) -> i64 {
        let span = u64::try_from(to.saturating_sub(from)).unwrap_or(0).saturating_add(1);
        from.saturating_add(i64::try_from(self.below(span)).unwrap_or(0))
    }

    /// Yes, so many times in a thousand.
    #[must_use]
    pub fn chance(&self, per_mille: u64) -> bool {
        per_mille > 0 && self.below(1000) < per_mille
    }

    /// One of these.
    pub fn pick<'a, T>(&self, from: &'a [T]) -> Option<&'a T> {
        from.get(usize::try_from(self.below(from.len() as u64)).unwrap_or(0))
    }
}
