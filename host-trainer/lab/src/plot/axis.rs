//! Axes: positions of numbers, and marks at round numbers.

/// Scale of an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Equal distances are equal differences.
    #[default]
    Linear,
    /// Equal distances are equal ratios; numbers of 0 and below have no position.
    Log,
}

/// Quantity, scale and range of an axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// Quantity and unit.
    pub label: String,
    /// Scale.
    pub scale: Scale,
    /// Lower and upper end; without one, the axis ends where the data end.
    pub range: [Option<f64>; 2],
}

impl Axis {
    /// A linear axis.
    #[must_use]
    pub fn linear(label: &str) -> Self {
        Self { label: label.to_owned(), ..Self::default() }
    }

    /// A logarithmic axis.
    #[must_use]
    pub fn log(label: &str) -> Self {
        Self { label: label.to_owned(), scale: Scale::Log, ..Self::default() }
    }

    /// With a given lower end.
    #[must_use]
    pub fn from(mut self, low: f64) -> Self {
        self.range[0] = Some(low);
        self
    }

    /// With a given upper end.
    #[must_use]
    pub fn to(mut self, high: f64) -> Self {
        self.range[1] = Some(high);
        self
    }

    /// The axis over the range `places` of pixels, extended so that it contains the data.
    pub(super) fn lay(&self, data: impl Iterator<Item = f64>, places: [f64; 2]) -> Placed {
        let fits = |value: &f64| value.is_finite() && (self.scale == Scale::Linear || *value > 0.0);
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in data.filter(fits) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            (low, high) = (1.0, 10.0);
        }
        let [from, to] = self.range.map(|end| end.filter(fits));
        (low, high) = (from.unwrap_or(low), to.unwrap_or(high));
        if low >= high {
            // A single value is drawn in the middle of an interval around it.
            let room = match self.scale {
                Scale::Linear => low.abs().max(1.0) / 2.0,
                Scale::Log => 0.0,
            };
            (low, high) = match self.scale {
                Scale::Linear => (low - room, low + room),
                Scale::Log => (low / 2.0, low * 2.0),
            };
        }
        let ticks = match self.scale {
            Scale::Linear => {
                let step = nice_step(high - low, 5);
                low = from.unwrap_or((low / step + 1e-9).floor() * step);
                high = to.unwrap_or((high / step - 1e-9).ceil() * step);
                linear_ticks(low, high, step)
            }
            Scale::Log => {
                low = from.unwrap_or_else(|| decade(low).min(low));
                high =
                    to.unwrap_or_else(
                        || if decade(high) < high { 10.0 * decade(high) } else { high },
                    );
                log_ticks(low, high)
            }
        };
        Placed { scale: self.scale, range: [low, high], places, ticks }
    }
}

/// An axis over pixels.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
    scale: Scale,
    range: [f64; 2],
    places: [f64; 2],
    /// Numbers to mark, with their texts.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Placed {
    /// Position of a number; none where the scale has no position for it.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let along = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Log => value.ln(),
        };
        let [low, high] = self.range.map(along);
        let share = (along(value) - low) / (high - low);
        let [from, to] = self.places;
        share.is_finite().then_some(from + share.clamp(-0.02, 1.02) * (to - from))
    }

    /// Position at which bars begin.
    pub(super) fn foot(&self) -> f64 {
        let zero = match self.scale {
            Scale::Linear => 0f64.clamp(self.range[0], self.range[1]),
            Scale::Log => self.range[0],
        };
        self.place(zero).unwrap_or(self.places[0])
    }
}

fn decade(value: f64) -> f64 {
    10f64.powf((value.log10() + 1e-9).floor())
}

/// A step of 1, 2 or 5 times a power of ten, such that about `count` steps make up `span`.
fn nice_step(span: f64, count: usize) -> f64 {
    let rough = span / count as f64;
    let unit = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * unit)
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(10.0 * unit)
}

fn linear_ticks(low: f64, high: f64, step: f64) -> Vec<(f64, String)> {
    let first = (low / step - 1e-9).ceil();
    let count = ((high - first * step) / step + 1e-9).floor().max(0.0) as usize;
    (0..=count.min(100))
        .map(|n| (first + n as f64) * step)
        .map(|value| (value, tick(value, step)))
        .collect()
}

fn log_ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let decades = (high / low).log10();
    let factors: &[f64] = match decades {
        d if d > 4.0 => &[1.0],
        d if d > 1.5 => &[1.0, 3.0],
        _ => &[1.0, 2.0, 3.0, 5.0, 7.0],
    };
    // With many decades, only some are marked.
    let every = (decades / 10.0).ceil().max(1.0);
    let (mut unit, mut ticks) = (decade(low), Vec::new());
    while unit <= high * 1.000_001 && ticks.len() < 100 {
        for factor in factors {
            let value = unit * factor;
            if value >= low * 0.999_999 && value <= high * 1.000_001 {
                ticks.push((value, tick(value, value)));
            }
        }
        unit *= 10f64.powf(every);
    }
    ticks
}

/// Text of a mark: as many decimals as the step has, with k for thousands and M for millions.
fn tick(value: f64, step: f64) -> String {
    let step = step.abs();
    let value = if value.abs() < step * 1e-6 { 0.0 } else { value };
    let largest = value.abs();
    let decimals = |step: f64| (-(step * 1.000_001).log10().floor()).clamp(0.0, 9.0) as usize;
    if largest >= 1e9 || (largest > 0.0 && step < 1e-4) {
        let digits = if largest > 0.0 {
            (largest / step).log10().ceil().clamp(0.0, 3.0) as usize
        } else {
            0
        };
        let text = format!("{value:.digits$e}");
        // 1.0e-5 is 1e-5.
        return text.replace(".0e", "e");
    }
    if largest >= 1e6 {
        return format!("{:.*}M", decimals(step / 1e6), value / 1e6);
    }
    if largest >= 1e4 || (largest >= 1e3 && step >= 1e3) {
        return format!("{:.*}k", decimals(step / 1e3), value / 1e3);
    }
    format!("{value:.*}", decimals(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis, data: &[f64]) -> Vec<String> {
        let placed = axis.lay(data.iter().copied(), [0.0, 100.0]);
        placed.ticks.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn marks_are_round_numbers() {
        let axis = Axis::linear("x");
        assert_eq!(texts(&axis, &[3.0, 97.0]), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(
            texts(&axis, &[-0.12, 0.31]),
            ["-0.2", "-0.1", "0.0", "0.1", "0.2", "0.3", "0.4"]
        );
        assert_eq!(
            texts(&axis.clone().from(0.0), &[5e4, 151_552.0]),
            ["0", "50k", "100k", "150k", "200k"]
        );
        assert_eq!(texts(&axis.from(0.0).to(2e6), &[]), ["0", "500k", "1.0M", "1.5M", "2.0M"]);
        assert_eq!(texts(&Axis::log("x"), &[2e-7, 0.5]).first().unwrap(), "1e-7");
        assert_eq!(
            texts(&Axis::log("x"), &[1.0, 900.0]),
            ["1", "3", "10", "30", "100", "300", "1k"]
        );
    }

    #[test]
    fn places_follow_the_scale() {
        let placed = Axis::linear("x").from(0.0).to(10.0).lay(std::iter::empty(), [100.0, 0.0]);
        assert_eq!([placed.place(0.0), placed.place(2.5)], [Some(100.0), Some(75.0)]);
        let placed = Axis::log("x").from(1.0).to(100.0).lay(std::iter::empty(), [0.0, 100.0]);
        assert!((placed.place(10.0).unwrap() - 50.0).abs() < 1e-9);
        assert_eq!([placed.place(-1.0), placed.place(f64::NAN)], [None, None]);
    }

    #[test]
    fn any_data_make_an_axis() {
        for data in
            [&[][..], &[5.0], &[0.0], &[-3.0, -3.0], &[f64::NAN, f64::INFINITY], &[1e-300, 1e300]]
        {
            for axis in [
                Axis::linear("x"),
                Axis::log("x"),
                Axis::linear("x").from(1e9),
                Axis::log("x").to(-1.0),
            ] {
                let placed = axis.lay(data.iter().copied(), [0.0, 100.0]);
                assert!((1..=101).contains(&placed.ticks.len()), "{axis:?} {data:?} {placed:?}");
                assert!(placed.foot().is_finite());
            }
        }
    }

    #[test]
    fn numbers_have_three_figures() {
        let texts = [856.44, 98.25, 1.0, 0.0, -0.0001e-9, 0.0523, -12.04, f64::NAN]
            .map(daa_trainer::number::number);
        assert_eq!(texts, ["856", "98.2", "1.00", "0.00", "-1.00e-13", "0.052", "-12.0", "–"]);
    }
}
