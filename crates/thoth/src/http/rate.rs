//! A limit per address: a bucket of tokens that fills with time. Lives outside generations, so that no change of
//! settings resets it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Addresses that are remembered at one time, at most.
const ADDRESSES_MAX: usize = 4_096;

/// Buckets by address.
#[derive(Debug)]
pub(super) struct Rate {
    /// What a bucket holds.
    burst: f64,
    /// What flows in.
    per_second: f64,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Rate {
    /// At most `burst` at once, and `per_second` in the long run.
    pub(super) fn new(burst: u32, per_second: f64) -> Self {
        Self { burst: f64::from(burst), per_second, buckets: Mutex::default() }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// The seconds after which there is one again.
    pub(super) fn take(&self, address: IpAddr, now: Instant) -> Result<(), u64> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= ADDRESSES_MAX {
            // Full buckets say nothing that a new one would not say.
            buckets.retain(|_, bucket| self.level(bucket, now) < self.burst);
            if buckets.len() >= ADDRESSES_MAX {
                buckets.clear();
            }
        }
        let full = Bucket { tokens: self.burst, at: now };
        let bucket = buckets.entry(network(address)).or_insert(full);
        let tokens = self.level(bucket, now);
        if tokens < 1.0 {
            return Err(((1.0 - tokens) / self.per_second).ceil().max(1.0) as u64);
        }
        *bucket = Bucket { tokens: tokens - 1.0, at: now };
        Ok(())
    }

    fn level(&self, bucket: &Bucket, now: Instant) -> f64 {
        let flowed = now.saturating_duration_since(bucket.at).as_secs_f64() * self.per_second;
        (bucket.tokens + flowed).min(self.burst)
    }
}

/// One IPv6 client has a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let rate = Rate::new(3, 0.5);
        let start = Instant::now();
        let one = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..3 {
            assert_eq!(rate.take(one, start), Ok(()));
        }
        assert_eq!(rate.take(one, start), Err(2));
        assert_eq!(rate.take(IpAddr::from([192, 0, 2, 2]), start), Ok(()), "another address has its own");
        assert_eq!(rate.take(one, start + Duration::from_secs(2)), Ok(()));
        assert_eq!(rate.take(one, start + Duration::from_secs(2)), Err(2));
    }

    #[test]
    fn one_ipv6_network_is_one_client() {
        let rate = Rate::new(1, 1.0);
        let now = Instant::now();
        assert!(rate.take("2001:db8::1".parse().unwrap(), now).is_ok());
        assert!(rate.take("2001:db8::2".parse().unwrap(), now).is_err());
        assert!(rate.take("2001:db8:0:1::1".parse().unwrap(), now).is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let rate = Rate::new(2, 1.0);
        let now = Instant::now();
        for address in 0..3 * ADDRESSES_MAX as u32 {
            assert!(rate.take(Ipv4Addr::from(address).into(), now).is_ok());
        }
        assert!(rate.buckets.lock().unwrap().len() <= ADDRESSES_MAX);
    }
}
