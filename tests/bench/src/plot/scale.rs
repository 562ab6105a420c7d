//! Where values stand on an axis, and which of them are written beside it.

/// How an axis spreads its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// From zero on, in even steps.
    Linear,
    /// Each step a multiple of the one before.
    Log,
}

/// The part of an axis that is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    kind: Kind,
    low: f64,
    high: f64,
}

/// Round numbers within a decade.
const ROUND: [f64; 3] = [1.0, 2.0, 5.0];
/// So many steps on an even axis, about.
const STEPS: f64 = 6.0;
/// With more decades than this only powers of ten are written.
const FEW_DECADES: f64 = 2.5;

impl Scale {
    /// An axis on which all these values stand, with round ends.
    pub(crate) fn fit(kind: Kind, values: impl IntoIterator<Item = f64>) -> Self {
        let fit = |value: &f64| value.is_finite() && (kind == Kind::Linear || *value > 0.0);
        let values: Vec<f64> = values.into_iter().filter(fit).collect();
        let most = values.iter().copied().reduce(f64::max).unwrap_or(1.0);
        match kind {
            Kind::Linear => {
                let step = step(most);
                let high = (most / step).ceil().max(1.0) * step;
                Self {
                    kind,
                    low: 0.0,
                    high,
                }
            }
            Kind::Log => {
                let least = values.iter().copied().reduce(f64::min).unwrap_or(most);
                let (low, mut high) = (round_down(least), round_up(most));
                if low >= high {
                    high = low * 10.0;
                }
                Self { kind, low, high }
            }
        }
    }

    /// From 0 at the low end to 1 at the high one; `None` for what cannot stand there.
    pub(crate) fn place(&self, value: f64) -> Option<f64> {
        let place = match self.kind {
            Kind::Linear => (value - self.low) / (self.high - self.low),
            Kind::Log if value <= 0.0 => return None,
            Kind::Log => (value / self.low).ln() / (self.high / self.low).ln(),
        };
        place.is_finite().then_some(place)
    }

    /// The values that are written beside the axis, the lowest first.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        match self.kind {
            Kind::Linear => {
                let step = step(self.high);
                let last = (self.high / step).round();
                std::iter::successors(Some(0.0), |n| Some(n + 1.0))
                    .take_while(|n| *n <= last)
                    .map(|n| n * step)
                    .collect()
            }
            Kind::Log => {
                let decades = (self.high / self.low).log10();
                let round = if decades > FEW_DECADES {
                    &ROUND[..1]
                } else {
                    &ROUND[..]
                };
                let slack = 1.0 + 1e-9;
                powers(self.low)
                    .take_while(|power| *power <= self.high * slack)
                    .flat_map(|power| round.iter().map(move |digit| digit * power))
                    .filter(|tick| *tick * slack >= self.low && *tick <= self.high * slack)
                    .collect()
            }
        }
    }
}

/// Powers of ten, from that of a value on.
fn powers(from: f64) -> impl Iterator<Item = f64> {
    let first = exponent(from);
    (first..).map(|exponent| 10_f64.powi(exponent))
}

fn exponent(value: f64) -> i32 {
    let exponent = (value.log10() + 1e-9).floor();
    // Between -308 and 308.
    format!("{exponent:.0}").parse().unwrap_or(0)
}

/// A round step with which a few lead up to a value.
fn step(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let rough = most / STEPS;
    let power = 10_f64.powi(exponent(rough));
    let digit = ROUND
        .into_iter()
        .find(|digit| digit * power >= rough * (1.0 - 1e-9));
    digit.unwrap_or(10.0) * power
}

fn round_down(value: f64) -> f64 {
    let power = 10_f64.powi(exponent(value));
    let fits = |digit: &f64| digit * power <= value * (1.0 + 1e-9);
    ROUND.into_iter().rev().find(fits).unwrap_or(1.0) * power
}

fn round_up(value: f64) -> f64 {
    let power = 10_f64.powi(exponent(value));
    let fits = |digit: &f64| digit * power >= value * (1.0 - 1e-9);
    ROUND.into_iter().find(fits).unwrap_or(10.0) * power
}

/// A value as it is written: `10,000`, `0.25`.
pub(crate) fn label(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let places = usize::try_from(2 - exponent(value.abs()))
        .unwrap_or(0)
        .min(6);
    let text = format!("{value:.places$}");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let part = part.trim_end_matches('0');
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        let behind = whole.len() - place;
        if place > 0 && behind.is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match part {
        "" => grouped,
        part => format!("{grouped}.{part}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale) -> Vec<String> {
        scale.ticks().into_iter().map(label).collect()
    }

    #[test]
    fn an_even_axis_begins_at_zero_and_ends_at_a_round_number() {
        let scale = Scale::fit(Kind::Linear, [130.0, 870.0]);
        assert_eq!(labels(scale), ["0", "200", "400", "600", "800", "1,000"]);
        assert_eq!(scale.place(0.0), Some(0.0));
        assert_eq!(scale.place(250.0), Some(0.25));
        let small = Scale::fit(Kind::Linear, [0.31]);
        assert_eq!(labels(small), ["0", "0.1", "0.2", "0.3", "0.4"]);
    }

    #[test]
    fn a_step_of_a_logarithmic_axis_is_the_same_multiple_everywhere() {
        let scale = Scale::fit(Kind::Log, [1.0, 10_000.0]);
        assert_eq!(labels(scale), ["1", "10", "100", "1,000", "10,000"]);
        assert!((scale.place(100.0).unwrap() - 0.5).abs() < 1e-9);
        assert_eq!(scale.place(0.0), None);
        let short = Scale::fit(Kind::Log, [1.7, 38.0, 0.0]);
        assert_eq!(labels(short), ["1", "2", "5", "10", "20", "50"]);
    }

    #[test]
    fn an_axis_for_nothing_or_one_value_can_be_drawn() {
        for values in [vec![], vec![0.0], vec![f64::NAN], vec![5.0]] {
            for kind in [Kind::Linear, Kind::Log] {
                let scale = Scale::fit(kind, values.clone());
                assert!(scale.ticks().len() > 1, "{kind:?} {values:?} {scale:?}");
                let high = scale.place(*scale.ticks().last().unwrap()).unwrap();
                assert!((high - 1.0).abs() < 1e-9, "{kind:?} {values:?} {scale:?}");
            }
        }
    }

    #[test]
    fn labels_are_short_and_grouped() {
        let cases = [
            (0.0012, "0.0012"),
            (0.5, "0.5"),
            (12.34, "12.3"),
            (1e6, "1,000,000"),
        ];
        for (value, expected) in cases {
            assert_eq!(label(value), expected);
        }
    }
}
