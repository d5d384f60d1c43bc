//! Quantities that a TOML can read from a simulation, by name.

use mujoco_rs::prelude::MjtObjBase;
use mujoco_rs::wrappers::mj_model::MjtJoint;

use super::section::{Mistake, Section};
use crate::error::Error;
use crate::mujoco::names::Names;
use crate::mujoco::physics::Physics;

/// Keys that give a quantity's kind: exactly one of them must be present.
pub(super) const KINDS: [&str; 10] = [
    "sensor",
    "joint_position",
    "joint_velocity",
    "position",
    "rotation",
    "quaternion",
    "linear_velocity",
    "angular_velocity",
    "action",
    "contacts",
];
/// Optional keys of a quantity.
pub(super) const MODIFIERS: [&str; 6] =
    ["components", "target", "relative_to", "frame", "norm", "scale"];

/// Most components of a quantity.
const MOST: usize = 128;

/// A quantity as the TOML describes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quantity {
    /// Table in the TOML, for messages.
    pub(super) place: String,
    kind: &'static str,
    of: String,
    components: Option<Vec<String>>,
    target: Option<Vec<f64>>,
    relative_to: Option<String>,
    frame: Option<String>,
    pub(super) norm: bool,
    pub(super) scale: f64,
}

impl Quantity {
    /// Takes the keys of a quantity out of a table.
    pub(super) fn take(section: &mut Section) -> Result<Self, Mistake> {
        let kinds: Vec<&str> = KINDS.into_iter().filter(|kind| section.has(kind)).collect();
        let [kind] = kinds[..] else {
            let kinds = if kinds.is_empty() { KINDS.to_vec() } else { kinds };
            return Err(section.mistake(format!("give exactly one of {}", kinds.join(", "))));
        };
        let of = match kind {
            "contacts" => {
                if !section.flag(kind)? {
                    return Err(section.mistake("contacts = true is the only possible value"));
                }
                String::new()
            }
            _ => section.text(kind)?.unwrap_or_default(),
        };
        let quantity = Self {
            place: section.place().to_owned(),
            kind,
            of,
            components: section.words("components")?,
            target: section.numbers("target")?,
            relative_to: section.text("relative_to")?,
            frame: section.text("frame")?,
            norm: section.flag("norm")?,
            scale: section.finite("scale", 1.0)?,
        };
        let vector = matches!(kind, "position" | "linear_velocity" | "angular_velocity");
        if quantity.relative_to.is_some() && kind != "position" {
            return Err(section.mistake("relative_to is allowed with position only"));
        }
        if quantity.frame.is_some() && !vector {
            return Err(section.mistake(
                "frame is allowed with position, linear_velocity and angular_velocity only",
            ));
        }
        if quantity.frame.is_some() && quantity.target.is_some() {
            return Err(section.mistake("target is a point in world coordinates: leave out frame"));
        }
        if let Some(target) = &quantity.target
            && let Some(value) = target.iter().find(|value| !value.is_finite())
        {
            return Err(section.mistake(format!("target has {value}, which is not finite")));
        }
        if quantity.scale == 0.0 {
            return Err(section.mistake("scale = 0 makes every reading 0"));
        }
        Ok(quantity)
    }

    /// Name of the signal where the TOML gives none.
    pub(super) fn default_name(&self) -> String {
        let of = if self.of == "all" { "" } else { &self.of };
        match (self.kind, self.of.as_str()) {
            ("sensor", of) => of.to_owned(),
            ("contacts", _) => "contacts".to_owned(),
            ("joint_position", of) => format!("{of}_position"),
            ("joint_velocity", of) => format!("{of}_velocity"),
            ("action", _) => format!("{of}{}action", if of.is_empty() { "" } else { "_" }),
            (kind, of) => format!("{of}_{kind}"),
        }
    }

    /// The range of all possible readings; none where they are unbounded.
    pub(super) fn natural_range(&self) -> Option<(f64, f64)> {
        let bounded = matches!(self.kind, "rotation" | "quaternion" | "action");
        let plain = bounded && self.target.is_none() && !self.norm;
        plain.then(|| (-self.scale.abs(), self.scale.abs()))
    }

    /// Looks up the quantity's names in a model.
    ///
    /// # Errors
    /// A name that the model does not have; the message lists those that it has.
    pub(super) fn bind(&self, names: &Names<'_>) -> Result<Reader, Error> {
        let mistake = |what: String| Error::Custom {
            file: names.file.clone(),
            what: format!("{}: {what}", self.place),
        };
        let (source, components, unit) = self.source(names).map_err(|error| match error {
            Error::Custom { what, .. } => mistake(what),
            other => other,
        })?;
        let mut chosen: Vec<usize> = (0..components.len()).collect();
        if let Some(wanted) = &self.components {
            let find = |word: &String| {
                components.iter().position(|known| known == word).ok_or_else(|| {
                    mistake(format!(
                        "the quantity has no component {word:?}: its components are {}",
                        components.join(", ")
                    ))
                })
            };
            chosen = wanted.iter().map(find).collect::<Result<_, _>>()?;
        }
        if chosen.is_empty() || chosen.len() > MOST {
            return Err(mistake(format!(
                "the quantity has {} components: 1 to {MOST} are allowed",
                chosen.len()
            )));
        }
        let target = self.target.clone().unwrap_or_else(|| vec![0.0; chosen.len()]);
        if target.len() != chosen.len() {
            return Err(mistake(format!(
                "target has {} numbers for {} components",
                target.len(),
                chosen.len()
            )));
        }
        let labels = chosen.iter().map(|&at| components[at].clone()).collect();
        let buffer = components.len();
        Ok(Reader {
            source,
            buffer,
            chosen,
            labels,
            target,
            norm: self.norm,
            scale: self.scale,
            unit,
        })
    }

    fn source(&self, names: &Names<'_>) -> Result<(Source, Vec<String>, &'static str), Error> {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let xyz = || list(&["x", "y", "z"]);
        let frame = self.frame.as_ref().map(|name| Place::find(names, name)).transpose()?;
        let place = || Place::find(names, &self.of);
        Ok(match self.kind {
            "sensor" => {
                let (start, len) = names.sensor_values(&self.of)?;
                let components = match len {
                    1 => list(&[""]),
                    3 => xyz(),
                    4 => list(&["w", "x", "y", "z"]),
                    _ => (0..len).map(|index| index.to_string()).collect(),
                };
                (Source::Sensor(start, len), components, "1")
            }
            "joint_position" | "joint_velocity" => {
                let id = names.joint_id(&self.of)?;
                let joint = names.joint(&self.of)?;
                let position = self.kind == "joint_position";
                let (components, unit) = match (names.model.jnt_type()[id], position) {
                    (MjtJoint::mjJNT_FREE, true) => {
                        (list(&["x", "y", "z", "qw", "qx", "qy", "qz"]), "1")
                    }
                    (MjtJoint::mjJNT_FREE, false) => {
                        (list(&["x", "y", "z", "wx", "wy", "wz"]), "1")
                    }
                    (MjtJoint::mjJNT_BALL, true) => (list(&["w", "x", "y", "z"]), "1"),
                    (MjtJoint::mjJNT_BALL, false) => (xyz(), "rad/s"),
                    (MjtJoint::mjJNT_SLIDE, true) => (list(&[""]), "m"),
                    (MjtJoint::mjJNT_SLIDE, false) => (list(&[""]), "m/s"),
                    (_, true) => (list(&[""]), "rad"),
                    (_, false) => (list(&[""]), "rad/s"),
                };
                let len = components.len();
                let source = if position {
                    Source::Position(joint.qpos, len)
                } else {
                    Source::Velocity(joint.dof, len)
                };
                (source, components, unit)
            }
            "position" => {
                let origin =
                    self.relative_to.as_ref().map(|name| Place::find(names, name)).transpose()?;
                (Source::Point { of: place()?, origin, frame }, xyz(), "m")
            }
            "rotation" => {
                let words = ["xx", "xy", "xz", "yx", "yy", "yz", "zx", "zy", "zz"];
                (Source::Rotation(place()?), list(&words), "1")
            }
            "quaternion" => {
                (Source::Quaternion(names.body(&self.of)?), list(&["w", "x", "y", "z"]), "1")
            }
            "linear_velocity" => (Source::Motion { of: place()?, frame, first: 3 }, xyz(), "m/s"),
            "angular_velocity" => {
                (Source::Motion { of: place()?, frame, first: 0 }, xyz(), "rad/s")
            }
            "action" => {
                let ranges = names.model.actuator_ctrlrange();
                let (first, components) = if self.of == "all" {
                    let name = |id| {
                        let name = names.model.id_to_name(MjtObjBase::mjOBJ_ACTUATOR, id);
                        name.filter(|name| !name.is_empty())
                            .map_or_else(|| id.to_string(), str::to_owned)
                    };
                    (0, (0..ranges.len()).map(name).collect())
                } else {
                    (names.actuator(&self.of)?, list(&[""]))
                };
                let ranges = ranges[first..first + components.len()].to_vec();
                (Source::Action { first, ranges }, components, "1")
            }
            _ => (Source::Contacts, list(&[""]), "1"),
        })
    }
}

/// A body or a site.
#[derive(Clone, Copy, Debug)]
enum Place {
    Body(usize),
    Site(usize),
}

impl Place {
    fn find(names: &Names<'_>, name: &str) -> Result<Self, Error> {
        match names.model.name_to_id(MjtObjBase::mjOBJ_SITE, name) {
            Some(site) => Ok(Self::Site(site)),
            None => names.body(name).map(Self::Body),
        }
    }

    fn point(self, physics: &Physics) -> [f64; 3] {
        match self {
            Self::Body(body) => physics.xpos()[body],
            Self::Site(site) => physics.site_xpos()[site],
        }
    }

    fn axes(self, physics: &Physics) -> [f64; 9] {
        match self {
            Self::Body(body) => physics.xmat()[body],
            Self::Site(site) => physics.site_xmat()[site],
        }
    }

    /// Angular, then linear velocity in world axes.
    fn motion(self, physics: &Physics) -> [f64; 6] {
        match self {
            Self::Body(body) => physics.object_velocity(MjtObjBase::mjOBJ_XBODY, body, false),
            Self::Site(site) => physics.object_velocity(MjtObjBase::mjOBJ_SITE, site, false),
        }
    }
}

/// What a quantity reads, by its addresses in the model.
#[derive(Debug)]
enum Source {
    Sensor(usize, usize),
    Position(usize, usize),
    Velocity(usize, usize),
    Point {
        of: Place,
        origin: Option<Place>,
        frame: Option<Place>,
    },
    Rotation(Place),
    Quaternion(usize),
    Motion {
        of: Place,
        frame: Option<Place>,
        first: usize,
    },
    /// The last action in -1 to 1, computed back from the controls.
    Action {
        first: usize,
        ranges: Vec<[f64; 2]>,
    },
    Contacts,
}

/// A quantity bound to a model.
#[derive(Debug)]
pub(super) struct Reader {
    source: Source,
    buffer: usize,
    chosen: Vec<usize>,
    labels: Vec<String>,
    target: Vec<f64>,
    norm: bool,
    scale: f64,
    pub(super) unit: &'static str,
}

/// Components of a vector, given in world axes, along the axes of a frame.
fn turned(axes: &[f64; 9], vector: [f64; 3]) -> [f64; 3] {
    [0, 1, 2].map(|axis| (0..3).map(|row| vector[row] * axes[3 * row + axis]).sum())
}

impl Reader {
    /// How many numbers the quantity has.
    pub(super) fn len(&self) -> usize {
        if self.norm { 1 } else { self.chosen.len() }
    }

    /// Name of each number within the quantity; an empty name for a single number.
    pub(super) fn labels(&self) -> &[String] {
        if self.norm { &[] } else { &self.labels }
    }

    /// Calls `take` with the index and value of each number.
    pub(super) fn read(&self, physics: &Physics, mut take: impl FnMut(usize, f64)) {
        let mut numbers = [0.0; MOST];
        let numbers = &mut numbers[..self.buffer.min(MOST)];
        self.raw(physics, numbers);
        let differences =
            self.chosen.iter().zip(&self.target).map(|(&at, target)| numbers[at] - target);
        if self.norm {
            let squares: f64 = differences.map(|difference| difference * difference).sum();
            take(0, squares.sqrt() * self.scale);
        } else {
            differences.enumerate().for_each(|(at, value)| take(at, value * self.scale));
        }
    }

    fn raw(&self, physics: &Physics, into: &mut [f64]) {
        match &self.source {
            Source::Sensor(at, len) => into.copy_from_slice(&physics.sensordata()[*at..at + len]),
            Source::Position(at, len) => into.copy_from_slice(&physics.qpos()[*at..at + len]),
            Source::Velocity(at, len) => into.copy_from_slice(&physics.qvel()[*at..at + len]),
            Source::Point { of, origin, frame } => {
                let point = of.point(physics);
                let origin = origin.map_or([0.0; 3], |origin| origin.point(physics));
                let offset = [0, 1, 2].map(|axis| point[axis] - origin[axis]);
                into.copy_from_slice(&seen(physics, *frame, offset));
            }
            Source::Rotation(of) => into.copy_from_slice(&of.axes(physics)),
            Source::Quaternion(body) => {
                // q and -q are the same orientation: the sign is fixed, so that the microcontroller
                // sees the same numbers as training.
                let q = physics.xquat()[*body];
                let sign = if q[0] < 0.0 { -1.0 } else { 1.0 };
                into.copy_from_slice(&q.map(|value| sign * value));
            }
            Source::Motion { of, frame, first } => {
                let motion = of.motion(physics);
                let part = [0, 1, 2].map(|axis| motion[first + axis]);
                into.copy_from_slice(&seen(physics, *frame, part));
            }
            Source::Action { first, ranges } => {
                let controls = &physics.ctrl()[*first..first + ranges.len()];
                for ((into, control), [low, high]) in into.iter_mut().zip(controls).zip(ranges) {
                    *into = (2.0 * (control - low) / (high - low) - 1.0).clamp(-1.0, 1.0);
                }
            }
            Source::Contacts => into[0] = physics.ncon() as f64,
        }
    }
}

fn seen(physics: &Physics, frame: Option<Place>, vector: [f64; 3]) -> [f64; 3] {
    frame.map_or(vector, |frame| turned(&frame.axes(physics), vector))
}
