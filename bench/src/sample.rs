//! Times, and what of them is written down.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The percentages at which a sample is written down.
pub const PERCENTS: [usize; 13] = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 100];

/// Microseconds: how many there were, and what lies at each of [`PERCENTS`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Times {
    pub count: usize,
    pub micros: Vec<f64>,
}

impl Times {
    /// Of microseconds in any order.
    pub fn of(mut micros: Vec<f64>) -> Self {
        micros.sort_by(f64::total_cmp);
        let at = |percent: &usize| {
            let rank = (micros.len() * percent).div_ceil(100).saturating_sub(1);
            micros.get(rank).map(|micros| (micros * 10.0).round() / 10.0)
        };
        Self { count: micros.len(), micros: PERCENTS.iter().filter_map(at).collect() }
    }

    /// The time that `percent` of them do not exceed; one of [`PERCENTS`].
    pub fn percentile(&self, percent: usize) -> f64 {
        let index = PERCENTS.iter().position(|known| *known == percent);
        index.and_then(|index| self.micros.get(index)).copied().unwrap_or(f64::NAN)
    }

    pub fn median(&self) -> f64 {
        self.percentile(50)
    }

    pub fn p99(&self) -> f64 {
        self.percentile(99)
    }
}

/// Microseconds between two moments.
pub fn micros(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64() * 1e6
}

/// A time in the unit in which people read it.
pub fn shown(micros: f64) -> String {
    match micros {
        micros if micros.is_nan() => "–".to_owned(),
        micros if micros < 1_000.0 => format!("{micros:.0} µs"),
        micros if micros < 10_000.0 => format!("{:.1} ms", micros / 1e3),
        micros if micros < 1_000_000.0 => format!("{:.0} ms", micros / 1e3),
        micros => format!("{:.1} s", micros / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_of_the_sample() {
        let times = Times::of((1..=200).rev().map(f64::from).collect());
        assert_eq!((times.count, times.percentile(0), times.percentile(100)), (200, 1.0, 200.0));
        assert_eq!((times.median(), times.p99()), (100.0, 198.0));
        assert!(Times::of(Vec::new()).median().is_nan());
    }
}
