//! How long to wait before a push is tried again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// The longest first pause, in milliseconds.
const FIRST: u64 = 250;
/// The longest pause at all, in milliseconds.
const LONGEST: u64 = 4000;

/// The pause after an attempt (0 is the first): anything between none and 250 ms × 2ⁿ, at most 4 s. All of it is left to
/// chance, because writers that start together would otherwise meet again and again.
pub fn pause(attempt: u32, random: u64) -> Duration {
    let longest = 1_u64.checked_shl(attempt).map_or(LONGEST, |factor| FIRST.saturating_mul(factor).min(LONGEST));
    Duration::from_millis(random % (longest + 1))
}

/// A number nobody can tell beforehand: the standard library's protection of its maps.
pub fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_four_seconds() {
        let longest =
            |attempt: u32| (0..10_000).map(|random| pause(attempt, random)).max().map(|most| most.as_millis());
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 63, 64, u32::MAX].map(longest),
            [250, 500, 1000, 2000, 4000, 4000, 4000, 4000, 4000].map(Some)
        );
        assert_eq!(pause(0, 0), Duration::ZERO);
        assert!(pause(9, u64::MAX) <= Duration::from_secs(4));
    }

    #[test]
    fn chance_differs_and_spreads() {
        let pauses: Vec<_> = (0..400).map(|_| pause(4, random()).as_millis()).collect();
        let early = pauses.iter().filter(|pause| **pause < 2000).count();
        assert!((100..300).contains(&early), "{early}");
    }
}
