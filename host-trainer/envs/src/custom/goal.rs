//! Rewards and terminations, computed from quantities.

use super::quantity::{KINDS, MODIFIERS, Quantity, Reader};
use super::section::{Mistake, Section};
use crate::error::Error;
use crate::mujoco::names::Names;
use crate::mujoco::physics::Physics;
use crate::nearest::nearest;
use crate::suite::reward::{Sigmoid, tolerance};

/// How the terms of a reward are combined. Either way the reward is in 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Combine {
    /// Product of 1 - w + w t.
    Product,
    /// Sum of w t over the sum of w.
    Mean,
}

/// One term t of the reward, with its weight w.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Term {
    pub(super) quantity: Quantity,
    bounds: (f64, f64),
    margin: f64,
    sigmoid: Sigmoid,
    weight: f64,
}

/// A condition that terminates an episode.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Termination {
    pub(super) quantity: Quantity,
    outside: (f64, f64),
}

const SHAPES: [&str; 8] = [
    "gaussian",
    "hyperbolic",
    "long_tail",
    "reciprocal",
    "cosine",
    "linear",
    "quadratic",
    "tanh_squared",
];

impl Combine {
    pub(super) fn take(section: &mut Section) -> Result<Self, Mistake> {
        match section.text("combine")?.as_deref() {
            None | Some("product") => Ok(Self::Product),
            Some("mean") => Ok(Self::Mean),
            Some(other) => {
                let nearest = nearest(other, ["product", "mean"]);
                Err(section.mistake(format!("combine = {other:?}: did you mean {nearest}?")))
            }
        }
    }
}

fn sigmoid(section: &mut Section) -> Result<Sigmoid, Mistake> {
    let shape = section.text("sigmoid")?.unwrap_or_else(|| "gaussian".to_owned());
    let value = section.number("value_at_margin")?.unwrap_or(0.1);
    let (make, reaches_zero): (fn(f64) -> Sigmoid, bool) = match shape.as_str() {
        "gaussian" => (Sigmoid::Gaussian, false),
        "hyperbolic" => (Sigmoid::Hyperbolic, false),
        "long_tail" => (Sigmoid::LongTail, false),
        "reciprocal" => (Sigmoid::Reciprocal, false),
        "cosine" => (Sigmoid::Cosine, true),
        "linear" => (Sigmoid::Linear, true),
        "quadratic" => (Sigmoid::Quadratic, true),
        "tanh_squared" => (Sigmoid::TanhSquared, false),
        other => {
            let nearest = nearest(other, SHAPES);
            return Err(section.mistake(format!("sigmoid = {other:?}: did you mean {nearest}?")));
        }
    };
    if !(value < 1.0 && (value > 0.0 || (reaches_zero && value == 0.0))) {
        let least = if reaches_zero { "0 to" } else { "above 0 and" };
        return Err(
            section.mistake(format!("value_at_margin = {value}: {shape} takes {least} below 1"))
        );
    }
    Ok(make(value))
}

impl Term {
    pub(super) const KEYS: [&str; 5] = ["bounds", "margin", "sigmoid", "value_at_margin", "weight"];

    /// All keys that a term's table may have.
    pub(super) fn keys() -> Vec<&'static str> {
        [&KINDS[..], &MODIFIERS, &Self::KEYS].concat()
    }

    pub(super) fn take(section: &mut Section, combine: Combine) -> Result<Self, Mistake> {
        let quantity = Quantity::take(section)?;
        let bounds = section.pair("bounds")?.ok_or_else(|| {
            section.mistake("bounds = [least, greatest] is missing: the term is 1 between them")
        })?;
        let margin = section.finite("margin", 0.0)?;
        if margin < 0.0 {
            return Err(section.mistake(format!("margin = {margin} is negative")));
        }
        let sigmoid = sigmoid(section)?;
        let weight = section.finite("weight", 1.0)?;
        if weight <= 0.0 || (combine == Combine::Product && weight > 1.0) {
            let possible = match combine {
                Combine::Product => {
                    "it must be above 0 and at most 1, since a factor is 1 - weight + weight x term"
                }
                Combine::Mean => "it must be above 0",
            };
            return Err(section.mistake(format!("weight = {weight} is invalid: {possible}")));
        }
        Ok(Self { quantity, bounds, margin, sigmoid, weight })
    }
}

impl Termination {
    pub(super) fn keys() -> Vec<&'static str> {
        [&KINDS[..], &MODIFIERS, &["outside"]].concat()
    }

    pub(super) fn take(section: &mut Section) -> Result<Self, Mistake> {
        let quantity = Quantity::take(section)?;
        let outside = section.pair("outside")?.ok_or_else(|| {
            section.mistake(
                "outside = [least, greatest] is missing: the episode terminates outside of them",
            )
        })?;
        Ok(Self { quantity, outside })
    }
}

/// Rewards and terminations bound to a model.
#[derive(Debug)]
pub(super) struct Goal {
    combine: Combine,
    terms: Vec<(Term, Reader)>,
    terminations: Vec<((f64, f64), Reader)>,
}

impl Goal {
    pub(super) fn bind(
        combine: Combine,
        terms: &[Term],
        terminations: &[Termination],
        names: &Names<'_>,
    ) -> Result<Self, Error> {
        let bound = |term: &Term| Ok((term.clone(), term.quantity.bind(names)?));
        let limit = |end: &Termination| Ok((end.outside, end.quantity.bind(names)?));
        Ok(Self {
            combine,
            terms: terms.iter().map(bound).collect::<Result<_, Error>>()?,
            terminations: terminations.iter().map(limit).collect::<Result<_, Error>>()?,
        })
    }

    /// The reward in 0 to 1. For a quantity of several numbers, the term is the mean of their tolerances.
    pub(super) fn reward(&self, physics: &Physics) -> f64 {
        let (mut product, mut sum, mut weights) = (1.0, 0.0, 0.0);
        for (term, reader) in &self.terms {
            let mut total = 0.0;
            reader.read(physics, |_, value| {
                total += tolerance(value, term.bounds, term.margin, term.sigmoid);
            });
            let value = total / reader.len() as f64;
            product *= 1.0 - term.weight + term.weight * value;
            sum += term.weight * value;
            weights += term.weight;
        }
        match self.combine {
            Combine::Product => product,
            Combine::Mean => sum / weights,
        }
    }

    pub(super) fn terminated(&self, physics: &Physics) -> bool {
        self.terminations.iter().any(|((low, high), reader)| {
            let mut outside = false;
            reader.read(physics, |_, value| outside |= !(*low..=*high).contains(&value));
            outside
        })
    }
}
