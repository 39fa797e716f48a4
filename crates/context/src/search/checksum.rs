//! Tells damaged bytes from whole ones. No protection against intent: a segment's reader is total
//! by itself.

const PRIMES: [u64; 4] =
    [0x9E37_79B1_85EB_CA87, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9, 0x85EB_CA77_C2B2_AE63];

/// Thirty-two bytes at a time on four lanes, so that five megabytes take half a millisecond.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let mut lanes = PRIMES;
    let (blocks, rest) = bytes.as_chunks::<32>();
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        for ((lane, word), prime) in lanes.iter_mut().zip(words).zip(PRIMES) {
            *lane = (*lane ^ u64::from_le_bytes(*word)).wrapping_mul(prime).rotate_left(29);
        }
    }
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mut sum = lanes.iter().fold(length, |sum, lane| mix(sum ^ lane));
    for &byte in rest {
        sum = mix(sum ^ u64::from(byte));
    }
    let sum = mix(sum);
    u32::try_from((sum ^ (sum >> 32)) & u64::from(u32::MAX)).unwrap_or(0)
}

const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 29)).wrapping_mul(0x9E37_79B1_85EB_CA87);
    value ^ (value >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flipped_bit_changes_the_sum() {
        let bytes: Vec<u8> = (0..100).collect();
        let whole = checksum(&bytes);
        for at in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            assert_ne!(checksum(&damaged), whole, "bit {at}");
        }
    }

    #[test]
    fn a_missing_end_changes_the_sum() {
        let bytes = [0_u8; 64];
        for length in 0..64 {
            assert_ne!(checksum(&bytes[..length]), checksum(&bytes), "{length} bytes");
        }
    }
}
