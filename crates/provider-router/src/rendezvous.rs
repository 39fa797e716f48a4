//! Weighted rendezvous hashing: in which order a key meets its replicas.

/// The score of a replica for a key, greater is earlier. The same in every process and on every
/// machine. Over many keys a replica is first in proportion to its weight.
///
/// Schindelhauer and Schomaker, "Weighted distributed hash tables" (2005): `-weight / ln(u)`.
pub(crate) fn score(key: u128, replica: &str, weight: u32) -> f64 {
    let drawn = u32::try_from(hash(key, replica) >> 32).unwrap_or_default();
    // In the middle of one of 2^32 steps between 0 and 1, so that its logarithm is finite and not 0.
    let uniform = (f64::from(drawn) + 0.5) / 4_294_967_296.0;
    // Nothing is below 0: a weight of 0 comes last, and among those the names decide.
    if weight == 0 { uniform - 1.0 } else { -f64::from(weight) / uniform.ln() }
}

/// FNV-1a over the name, then over the key, then mixed as `SplitMix64` does: FNV alone is weak in its
/// high bits.
fn hash(key: u128, name: &str) -> u64 {
    let bytes = name.bytes().chain(key.to_be_bytes());
    let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_meets_a_replica_with_the_same_score_on_every_machine() {
        let hash = hash(0x0198_c0de_0000_7000_8000_0000_0000_002a, "large-eu");
        assert_eq!(hash, 2_653_516_188_911_115_399);
    }

    #[test]
    fn a_replica_without_weight_comes_after_every_other() {
        for key in 0..1_000 {
            assert!(score(key, "spare", 0) < score(key, "other", 1));
        }
    }

    #[test]
    fn a_replica_is_first_in_proportion_to_its_weight() {
        let first = (0..10_000).filter(|&key| score(key, "a", 3) > score(key, "b", 1)).count();
        assert!((7_300..7_700).contains(&first), "{first}");
    }

    #[test]
    fn a_further_replica_takes_keys_and_moves_no_others() {
        let best = |key: u128, names: &[&'static str]| {
            names.iter().copied().max_by(|a, b| score(key, a, 1).total_cmp(&score(key, b, 1)))
        };
        for key in 0..1_000 {
            let (before, after) = (best(key, &["a", "b"]), best(key, &["a", "b", "c"]));
            assert!(after == before || after == Some("c"));
        }
    }
}
