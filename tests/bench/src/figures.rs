//! The arithmetic of the judgement: medians, ratios of interleaved rounds, the verdict.

use serde::Serialize;

/// What a ratio must keep to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

/// Whether a ratio kept to its goal, as far as this run can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Held,
    Missed,
    Undecided,
}

/// How far the same program measured twice may differ before the run may not judge.
pub(crate) const AA_TOLERANCE: f64 = 0.02;

impl Verdict {
    /// Judges `ratio`; a run whose A/A control is off, or that measured nothing, may not.
    pub(crate) fn of(ratio: f64, goal: Goal, aa: f64) -> Self {
        let steady = (aa - 1.0).abs() <= AA_TOLERANCE;
        if !steady || !ratio.is_finite() {
            return Self::Undecided;
        }
        if goal.holds(ratio) { Self::Held } else { Self::Missed }
    }

    /// Judges `ratio` where it is the same verdict with what the control is off by added and taken
    /// away.
    pub(crate) fn by_margin(ratio: f64, goal: Goal, off: f64) -> Self {
        let least = goal.holds(ratio - off.abs());
        let most = goal.holds(ratio + off.abs());
        match (least, most) {
            _ if !(ratio.is_finite() && off.is_finite()) => Self::Undecided,
            (true, true) => Self::Held,
            (false, false) => Self::Missed,
            _ => Self::Undecided,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Missed => "missed",
            Self::Undecided => "undecided",
        }
    }
}

impl Goal {
    fn holds(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(limit) => ratio <= limit,
            Self::AtLeast(limit) => ratio >= limit,
        }
    }

    pub(crate) fn limit(self) -> f64 {
        match self {
            Self::AtMost(limit) | Self::AtLeast(limit) => limit,
        }
    }

    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::AtMost(_) => "<=",
            Self::AtLeast(_) => ">=",
        }
    }
}

/// The middle value (of two middle ones their mean); NaN when there is none, so that nothing
/// measured can never look like a figure.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The value below which this share of the values lies (nearest rank); NaN when there is none.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
}

/// Round by round `above / below`. A burst of foreign load hits neighbours in one round alike, so
/// the median of these says more than the ratio of two medians.
pub(crate) fn ratios(above: &[f64], below: &[f64]) -> Vec<f64> {
    above.iter().zip(below).map(|(above, below)| above / below).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_not_the_mean() {
        assert_eq!(median(&[1.0, 100.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_ne!(median(&[1.0, 100.0, 2.0]), 103.0 / 3.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(quantile(&values, 0.0), 1.0);
        assert_eq!(quantile(&values, 0.5), 3.0);
        assert_eq!(quantile(&values, 1.0), 5.0);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn ratios_pair_the_rounds() {
        // The second round was twice as slow for both: the ratio stays what it is.
        assert_eq!(ratios(&[3.0, 6.0], &[2.0, 4.0]), [1.5, 1.5]);
        // Paired the other way the same figures would say something else.
        assert_ne!(ratios(&[3.0, 6.0], &[4.0, 2.0]), [1.5, 1.5]);
    }

    #[test]
    fn the_verdict_follows_the_side_of_the_goal() {
        assert_eq!(Verdict::of(1.05, Goal::AtMost(1.05), 1.0), Verdict::Held);
        assert_eq!(Verdict::of(1.051, Goal::AtMost(1.05), 1.0), Verdict::Missed);
        assert_eq!(Verdict::of(0.97, Goal::AtLeast(0.97), 1.0), Verdict::Held);
        assert_eq!(Verdict::of(0.969, Goal::AtLeast(0.97), 1.0), Verdict::Missed);
    }

    #[test]
    fn a_margin_counts_against_both_verdicts() {
        assert_eq!(Verdict::by_margin(0.1, Goal::AtMost(1.0), 0.5), Verdict::Held);
        assert_eq!(Verdict::by_margin(0.6, Goal::AtMost(1.0), 0.5), Verdict::Undecided);
        assert_eq!(Verdict::by_margin(1.4, Goal::AtMost(1.0), -0.5), Verdict::Undecided);
        assert_eq!(Verdict::by_margin(1.6, Goal::AtMost(1.0), -0.5), Verdict::Missed);
        assert_eq!(Verdict::by_margin(1.6, Goal::AtLeast(1.0), 0.5), Verdict::Held);
        assert_eq!(Verdict::by_margin(0.1, Goal::AtMost(1.0), f64::NAN), Verdict::Undecided);
        assert_eq!(Verdict::by_margin(f64::NAN, Goal::AtMost(1.0), 0.0), Verdict::Undecided);
    }

    #[test]
    fn an_unsteady_or_empty_run_may_not_judge() {
        assert_eq!(Verdict::of(0.5, Goal::AtMost(1.05), 1.019), Verdict::Held);
        assert_eq!(Verdict::of(0.5, Goal::AtMost(1.05), 1.021), Verdict::Undecided);
        assert_eq!(Verdict::of(0.5, Goal::AtMost(1.05), 0.979), Verdict::Undecided);
        assert_eq!(Verdict::of(f64::NAN, Goal::AtMost(1.05), 1.0), Verdict::Undecided);
        assert_eq!(Verdict::of(1.0, Goal::AtMost(1.05), f64::NAN), Verdict::Undecided);
    }
}
