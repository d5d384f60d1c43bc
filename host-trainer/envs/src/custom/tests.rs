//! Users' tasks: hand-computed readings and rewards, and the message of every mistake.

use std::path::{Path, PathBuf};

use crate::{
    Attempts, Behaviour, Bound, Definition, Environment, Error, Names, Physics, Random, Signal,
    find, load, register,
};

/// A slide along x and a hinge about y at its end, with a target 2 m ahead and 1 m up.
const MJCF: &str = r#"<mujoco>
  <compiler angle="radian" autolimits="true"/>
  <option timestep="0.01" gravity="0 0 0"/>
  <worldbody>
    <body name="target" pos="2 0 1"/>
    <body name="cart">
      <joint name="slide" type="slide" axis="1 0 0" range="-3 3"/>
      <geom size="0.1" mass="1" contype="0" conaffinity="0"/>
      <body name="pole" pos="0 0 1">
        <joint name="hinge" type="hinge" axis="0 1 0"/>
        <geom size="0.1" mass="1" contype="0" conaffinity="0"/>
        <site name="tip" pos="0 0 0.5"/>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor name="push" joint="slide" ctrlrange="-2 6"/>
  </actuator>
  <sensor>
    <jointpos name="angle" joint="hinge"/>
    <framepos name="tip_place" objtype="site" objname="tip"/>
  </sensor>
  <keyframe>
    <key name="there" qpos="1 0.5" qvel="0.25 -0.5"/>
  </keyframe>
</mujoco>
"#;

const TOML: &str = r#"
model = "m.xml"
rate_hz = 50
episode_seconds = 0.2

[[observation]]
joint_position = "slide"
range = [-3, 3]

[[reward.term]]
joint_position = "slide"
bounds = [0, 0]
margin = 1

[start]
keyframe = "there"
"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(toml: &str, mjcf: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t.toml"), toml).unwrap();
        std::fs::write(folder.path().join("m.xml"), mjcf).unwrap();
        Self(folder)
    }

    fn toml(&self) -> PathBuf {
        self.0.path().join("t.toml")
    }
}

/// First observation of a task with these `[[observation]]` tables, at the keyframe: slide at 1 m and
/// 0.25 m/s, hinge at half a radian and -0.5 rad/s.
fn observed(tables: &str) -> (Vec<String>, Vec<f64>) {
    let (head, tail) = TOML.split_once("[[observation]]").unwrap();
    let tail = tail.split_once("[[reward").unwrap().1;
    let folder = Folder::new(&format!("{head}{tables}\n[[reward{tail}"), MJCF);
    let task = load(&folder.toml()).unwrap();
    let mut environment = Environment::new(task, 1, 0, 0).unwrap();
    let mut observation = vec![0.0; task.observations.len()];
    environment.reset(&mut observation).unwrap();
    (task.observations.iter().map(|signal| signal.name.clone()).collect(), observation)
}

fn assert_close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() < 1e-12, "{index}: {found}, not {expected}");
    }
}

#[test]
fn quantities_are_those_of_geometry() {
    let (sin, cos) = 0.5f64.sin_cos();
    let cases: [(&str, &[&str], Vec<f64>); 13] = [
        ("joint_position = 'slide'", &["slide_position"], vec![1.0]),
        ("joint_velocity = 'hinge'", &["hinge_velocity"], vec![-0.5]),
        ("joint_position = 'slide'\ntarget = 0.25\nscale = -2", &["slide_position"], vec![-1.5]),
        ("sensor = 'angle'\nname = 'a'", &["a"], vec![0.5]),
        // The tip hangs 0.5 m along the pole's z axis, which the hinge tilts towards x.
        (
            "sensor = 'tip_place'",
            &["tip_place_x", "tip_place_y", "tip_place_z"],
            vec![1.0 + 0.5 * sin, 0.0, 1.0 + 0.5 * cos],
        ),
        (
            "position = 'tip'\ncomponents = ['z', 'x']",
            &["tip_position_z", "tip_position_x"],
            vec![1.0 + 0.5 * cos, 1.0 + 0.5 * sin],
        ),
        (
            "position = 'target'\nrelative_to = 'pole'",
            &["target_position_x", "target_position_y", "target_position_z"],
            vec![1.0, 0.0, 0.0],
        ),
        // The pole's axes in the world: x (cos, 0, -sin), z (sin, 0, cos).
        (
            "position = 'target'\nrelative_to = 'pole'\nframe = 'pole'",
            &["target_position_x", "target_position_y", "target_position_z"],
            vec![cos, 0.0, sin],
        ),
        ("position = 'pole'\ntarget = [4, 4, 1]\nnorm = true", &["pole_position"], vec![5.0]),
        (
            "rotation = 'pole'\ncomponents = ['xx', 'xz', 'zx', 'zz']",
            &["pole_rotation_xx", "pole_rotation_xz", "pole_rotation_zx", "pole_rotation_zz"],
            vec![cos, sin, -sin, cos],
        ),
        (
            "quaternion = 'pole'",
            &["pole_quaternion_w", "pole_quaternion_x", "pole_quaternion_y", "pole_quaternion_z"],
            vec![0.25f64.cos(), 0.0, 0.25f64.sin(), 0.0],
        ),
        // Of the tip: the cart's, and omega cross r with omega = (0, -0.5, 0).
        (
            "linear_velocity = 'tip'",
            &["tip_linear_velocity_x", "tip_linear_velocity_y", "tip_linear_velocity_z"],
            vec![0.25 - 0.5 * 0.5 * cos, 0.0, 0.5 * 0.5 * sin],
        ),
        ("angular_velocity = 'pole'\ncomponents = 'y'", &["pole_angular_velocity_y"], vec![-0.5]),
    ];
    for (keys, names, expected) in cases {
        println!("{keys}");
        let (found_names, found) = observed(&format!("[[observation]]\n{keys}\nrange = [-9, 9]"));
        assert_eq!(found_names, names);
        assert_close(&found, &expected);
    }
    // No control yet: 0 is a quarter of the way from -2 to 6, and -0.5 in the policy's words.
    let (names, found) = observed("[[observation]]\naction = 'all'");
    assert_eq!((names, found), (vec!["action_push".to_owned()], vec![-0.5]));
    // Clipped to the range.
    assert_eq!(observed("[[observation]]\njoint_position = 'slide'\nrange = [-1, 0.5]").1, [0.5]);
}

/// Reward of one decision of no force from the keyframe: after 0.02 s the slide is at 1.005 m, the hinge
/// at 0.49 rad (no gravity, and the masses of cart and pole are centred on the hinge).
fn rewarded(reward: &str) -> f64 {
    let (head, tail) = TOML.split_once("[[reward.term]]").unwrap();
    let tail = tail.split_once("[start]").unwrap().1;
    let folder = Folder::new(&format!("{head}{reward}\n[start]{tail}"), MJCF);
    let task = load(&folder.toml()).unwrap();
    let mut environment = Environment::new(task, 1, 0, 0).unwrap();
    let mut observation = vec![0.0];
    environment.reset(&mut observation).unwrap();
    // A control of 0.
    environment.step(&[-0.5], &mut observation).unwrap().reward
}

const NEAR: &str = "[[reward.term]]\njoint_position = 'slide'\nbounds = [0, 0.505]\nmargin = 1\nsigmoid = 'linear'\nvalue_at_margin = 0\n";
const SLOW: &str =
    "[[reward.term]]\njoint_velocity = 'slide'\nbounds = [0.75, inf]\nmargin = 0.5\n";

#[test]
fn rewards_are_those_computed_by_hand() {
    // Half a metre outside, margin 1: 1/2. A margin outside: the gaussian's default of 0.1.
    assert_close(&[rewarded(NEAR)], &[0.5]);
    assert_close(&[rewarded(SLOW)], &[0.1]);
    assert_close(&[rewarded(&format!("{NEAR}{SLOW}"))], &[0.05]);
    // Factors 1 - w + w t: 0.8 + 0.2 / 2 = 0.9, then 0.5 + 0.5 / 10 = 0.55.
    let weighted = format!("{NEAR}weight = 0.2\n{SLOW}weight = 0.5\n");
    assert_close(&[rewarded(&weighted)], &[0.9 * 0.55]);
    // (3 / 2 + 1 / 10) / 4.
    let mean = format!("[reward]\ncombine = 'mean'\n{NEAR}weight = 3\n{SLOW}");
    assert_close(&[rewarded(&mean)], &[0.4]);
    // Two numbers of one quantity: the mean of 1 (0 is inside) and 1/2.
    let two = "[[reward.term]]\nposition = 'cart'\ncomponents = ['x', 'y']\nbounds = [0, 0.505]\nmargin = 1\nsigmoid = 'linear'\nvalue_at_margin = 0\n";
    assert_close(&[rewarded(two)], &[0.75]);
    // Outside without a margin.
    let strict = "[[reward.term]]\njoint_position = 'slide'\nbounds = [0, 1]\n";
    assert_close(&[rewarded(strict)], &[0.0]);
}

#[test]
fn an_episode_ends_where_the_file_says() {
    // 0.25 m/s from 1 m: beyond 1.012 m after three decisions of 0.02 s, not after two.
    let end = "[[terminate]]\njoint_position = 'slide'\noutside = [0, 1.012]\n";
    let folder = Folder::new(&TOML.replace("[start]", &format!("{end}[start]")), MJCF);
    let task = load(&folder.toml()).unwrap();
    let mut environment = Environment::new(task, 1, 0, 0).unwrap();
    let mut observation = vec![0.0];
    environment.reset(&mut observation).unwrap();
    let step = |environment: &mut Environment, observation: &mut [f64]| {
        environment.step(&[-0.5], observation).unwrap()
    };
    for _ in 0..2 {
        let step = step(&mut environment, &mut observation);
        assert!(!step.terminated && !step.truncated);
    }
    let saved = environment.save();
    let last = step(&mut environment, &mut observation);
    assert!(last.terminated && !last.truncated);
    let error = environment.step(&[-0.5], &mut observation).unwrap_err();
    assert!(matches!(error, Error::NoEpisode { .. }), "{error}");
    // Rewound, it ends again, to the bit.
    environment.restore(&saved).unwrap();
    assert_eq!(step(&mut environment, &mut observation), last);
    // Without the termination: ten decisions, and time is up.
    let task = load(&Folder::new(TOML, MJCF).toml()).unwrap();
    assert!(!task.terminates());
    let mut environment = Environment::new(task, 1, 0, 0).unwrap();
    environment.reset(&mut observation).unwrap();
    let ends: Vec<_> = (0..10)
        .map(|_| step(&mut environment, &mut observation))
        .map(|step| (step.terminated, step.truncated))
        .collect();
    assert_eq!(ends[..9], [(false, false); 9]);
    assert_eq!(ends[9], (false, true));
}

#[test]
fn starts_are_drawn_from_their_ranges() {
    let start =
        "[start]\n[[start.joint]]\nname = 'slide'\nposition = [-0.5, 1.5]\nvelocity = [2, 2]\n";
    let (head, _) = TOML.split_once("[start]").unwrap();
    let folder = Folder::new(&format!("{head}{start}"), MJCF);
    let task = load(&folder.toml()).unwrap();
    let mut environment = Environment::new(task, 1, 3, 0).unwrap();
    let mut seen = Vec::new();
    for _ in 0..400 {
        let mut observation = vec![0.0];
        environment.reset(&mut observation).unwrap();
        assert_eq!(environment.physics.qvel()[0], 2.0);
        seen.push(observation[0]);
    }
    let mean = seen.iter().sum::<f64>() / 400.0;
    let (low, high) =
        seen.iter().fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
    assert!((-0.5..-0.48).contains(&low) && (1.48..1.5).contains(&high), "{low} {high}");
    // Four standard errors of a uniform variable of width 2.
    assert!((mean - 0.5).abs() < 4.0 * 2.0 / 12f64.sqrt() / 20.0, "{mean}");
}

/// The error of a file in which one thing was changed.
fn refusal(from: &str, to: &str) -> String {
    let (toml, mjcf) = (TOML.replacen(from, to, 1), MJCF.replacen(from, to, 1));
    assert!(toml != TOML || mjcf != MJCF, "{from} is not there");
    let folder = Folder::new(&toml, &mjcf);
    load(&folder.toml()).expect_err(to).to_string()
}

#[test]
fn every_mistake_is_one_line_that_names_it_and_the_way_out() {
    let end = "[[terminate]]\njoint_position = 'slide'\n";
    let cases: &[(&str, &str, &[&str])] = &[
        ("rate_hz", "rate_hs", &["t.toml", "unknown key \"rate_hs\"", "did you mean rate_hz?"]),
        ("rate_hz = 50", "", &["rate_hz is missing"]),
        ("rate_hz = 50", "rate_hz = -1", &["rate_hz = -1 is invalid: it must be above 0"]),
        ("rate_hz = 50", "rate_hz = 'fast'", &["rate_hz = \"fast\" is not a number"]),
        ("rate_hz = 50", "rate_hz = nan", &["rate_hz = nan is not a number"]),
        ("rate_hz = 50", "rate_hz = 30", &["30 Hz is not a whole number", "0.01 s"]),
        ("rate_hz = 50", "rate_hz = 1000", &["not a whole number"]),
        ("rate_hz = 50", "rate_hz = = 50", &["t.toml", "line 3"]),
        ("seconds = 0.2", "seconds = 1e9", &["it must have 1 to 1000000"]),
        ("\"m.xml\"", "\"n.xml\"", &["n.xml", "cannot read it"]),
        ("\"m.xml\"", "\"../m.xml\"", &["name a file in the folder of the TOML"]),
        ("model = ", "modle = ", &["model = \"FILE.xml\" is missing"]),
        ("range = [-3, 3]", "", &["observation 1", "range = [least, greatest] is missing"]),
        (
            "range = [-3, 3]\n\n",
            "range = [3, -3]\n\n",
            &["range = [3, -3] is not in ascending order"],
        ),
        ("range = [-3, 3]\n\n", "range = [3, 3]\n\n", &["range = [3, 3] is empty"]),
        ("range = [-3, 3]\n\n", "range = [0, inf]\n\n", &["is not finite"]),
        ("range = [-3, 3]\n\n", "range = [0]\n\n", &["range has 1 numbers, not 2"]),
        ("range = [-3, 3]\n\n", "rnage = [0, 1]\n\n", &["did you mean range?"]),
        ("joint_position", "joint_postion", &["did you mean joint_position?"]),
        (
            "joint_position = \"slide\"",
            "name = 'x'",
            &["give exactly one of sensor, joint_position"],
        ),
        (
            "joint_position = \"slide\"",
            "joint_position = 'slide'\nsensor = 'angle'",
            &["give exactly one of sensor, joint_position"],
        ),
        (
            "joint_position = \"slide\"",
            "joint_position = 'slid'",
            &["t.toml: observation 1", "no joint \"slid\"", "it has slide, hinge"],
        ),
        (
            "joint_position = \"slide\"",
            "sensor = 'gyro'",
            &["no sensor \"gyro\"", "angle, tip_place"],
        ),
        ("joint_position = \"slide\"", "position = 'drone'", &["no body \"drone\"", "cart, pole"]),
        ("joint_position = \"slide\"", "action = 'pull'", &["no actuator \"pull\"", "push"]),
        (
            "joint_position = \"slide\"",
            "position = 'cart'\ncomponents = ['x', 'u']",
            &["observation 1", "no component \"u\"", "x, y, z"],
        ),
        (
            "joint_position = \"slide\"",
            "position = 'cart'\ntarget = [1, 2]",
            &["target has 2 numbers for 3 components"],
        ),
        (
            "joint_position = \"slide\"",
            "rotation = 'cart'\nframe = 'pole'",
            &["frame is allowed with"],
        ),
        ("joint_position = \"slide\"", "joint_position = 'slide'\nscale = 0", &["scale = 0"]),
        (
            "[[reward.term]]",
            "[[observation]]\njoint_position = 'slide'\nrange = [0, 1]\n[[reward.term]]",
            &["two observations have the name \"slide_position\""],
        ),
        ("bounds = [0, 0]", "", &["reward.term 1", "bounds = [least, greatest] is missing"]),
        ("margin = 1", "margin = -1", &["margin = -1 is negative"]),
        ("margin = 1", "sigmoid = 'gausian'", &["did you mean gaussian?"]),
        ("margin = 1", "value_at_margin = 0", &["gaussian takes above 0 and below 1"]),
        ("margin = 1", "weight = 2", &["weight = 2 is invalid", "at most 1"]),
        ("[[reward.term]]", "[reward]\ncombine = 'maen'\n[[reward.term]]", &["did you mean mean?"]),
        ("[[reward.term]]", "[[reward.tern]]", &["reward", "did you mean term?"]),
        ("[start]", &format!("{end}[start]"), &["terminate 1", "outside = [least, greatest]"]),
        ("= \"there\"", "= \"here\"", &["no keyframe \"here\"", "it has there"]),
        ("[start]", "[start]\nvelocity_noise = -1", &["start: velocity_noise = -1 is negative"]),
        (
            "keyframe = ",
            "joint = [{ name = 'slide', yaw = [0, 1] }]\nkeyframe = ",
            &["start.joint 1", "\"slide\" takes position and velocity"],
        ),
        ("keyframe = ", "joint = [{}]\nkeyframe = ", &["start.joint 1: name is missing"]),
        ("[[observation]]", "[observation]", &["observation is not a list of tables"]),
        ("ctrlrange=\"-2 6\"", "", &["actuator \"push\" has no control range", "ctrlrange"]),
        ("<actuator>", "<actuator/><!--", &["MuJoCo refuses the model"]),
        ("name=\"slide\" type", "nam=\"slide\" type", &["MuJoCo refuses the model"]),
        (
            "<worldbody>",
            "<include file='x.xml'/><worldbody>",
            &["file='x.xml'", "merge included files"],
        ),
        ("pos=\"0 0 1\">\n        <joint", "pos=\"0 0 nan\">\n        <joint", &["m.xml"]),
        ("timestep=\"0.01\"", "timestep=\"nan\"", &["m.xml"]),
        ("qpos=\"1 0.5\"", "qpos=\"nan 0\"", &[""]),
    ];
    for (from, to, words) in cases {
        let text = refusal(from, to);
        println!("{text}");
        assert!(!text.contains('\n'), "one line: {text}");
        assert!(!text.contains("xtask setup"), "not dm_control's: {text}");
        for word in *words {
            assert!(text.contains(word), "{to}: no {word:?} in {text:?}");
        }
    }
    // The control: unchanged it is a task.
    assert!(load(&Folder::new(TOML, MJCF).toml()).is_ok());
}

#[test]
fn models_without_anything_to_do_are_refused() {
    let cases = [
        ("", "MuJoCo refuses the model"),
        ("<mujoco/>", "no joint"),
        (
            "<mujoco><worldbody><body><freejoint/><geom size='1'/></body></worldbody></mujoco>",
            "no actuator",
        ),
    ];
    for (mjcf, cause) in cases {
        let error = load(&Folder::new(TOML, mjcf).toml()).unwrap_err().to_string();
        assert!(error.contains(cause), "{mjcf}: {error}");
    }
    let large = format!("{TOML}# {}", "x".repeat(1 << 20));
    let error = load(&Folder::new(&large, MJCF).toml()).unwrap_err().to_string();
    assert!(error.contains("at most 1048576"), "{error}");
    assert!(load(Path::new("/nowhere/t.toml")).unwrap_err().to_string().contains("cannot read"));
    // More observations than an image holds.
    let many: String = (0..129)
        .map(|i| {
            format!("[[observation]]\njoint_position = 'slide'\nname = 'n{i}'\nrange = [0, 1]\n")
        })
        .collect();
    let (head, tail) = TOML.split_once("[[reward.term]]").unwrap();
    let toml = format!("{head}{many}[[reward.term]]{tail}");
    let error = load(&Folder::new(&toml, MJCF).toml()).unwrap_err().to_string();
    assert!(error.contains("130 observations: a policy image holds 1 to 128"), "{error}");
}

/// A task in Rust, with faults to plant.
#[derive(Debug)]
struct Program {
    name: &'static str,
    spoil: fn(f64) -> (f64, f64),
}

impl Definition for Program {
    fn name(&self) -> &str {
        self.name
    }
    fn mjcf(&self) -> &str {
        MJCF
    }
    fn rate_hz(&self) -> f64 {
        100.0
    }
    fn episode_seconds(&self) -> f64 {
        1.0
    }
    fn bind(&self, names: &Names<'_>) -> Result<Bound, Error> {
        let slide = names.joint("slide")?.qpos;
        Ok(Bound {
            observations: vec![Signal::symmetric("x", "m", 10.0)],
            behaviour: Box::new(Run { slide, spoil: self.spoil }),
        })
    }
}

#[derive(Debug)]
struct Run {
    slide: usize,
    spoil: fn(f64) -> (f64, f64),
}

impl Behaviour for Run {
    fn start(&self, physics: &mut Physics, _: &mut Random) -> Result<(), Attempts> {
        physics.qpos_mut()[self.slide] = 1.0;
        Ok(())
    }
    fn observe(&self, physics: &Physics, observation: &mut [f64]) {
        observation[0] = (self.spoil)(physics.qpos()[self.slide]).0;
    }
    fn reward(&self, physics: &Physics) -> f64 {
        (self.spoil)(physics.qpos()[self.slide]).1
    }
}

#[test]
fn a_task_in_rust_is_known_by_its_name_and_values_that_are_not_finite_are_named() {
    let task = register(Box::new(Program { name: "push-1", spoil: |x| (x, 2.0 * x) })).unwrap();
    assert!(std::ptr::eq(find("push-1").unwrap(), task));
    let mut environment = Environment::new(task, 1, 0, 0).unwrap();
    let mut observation = [0.0];
    environment.reset(&mut observation).unwrap();
    assert_eq!(observation, [1.0]);
    // A control of 0 leaves it where it is, at rest.
    assert_eq!(environment.step(&[-0.5], &mut observation).unwrap().reward, 2.0);

    let error = |name, spoil| register(Box::new(Program { name, spoil })).unwrap_err().to_string();
    assert!(error("push-1", |x| (x, x)).contains("choose another"));
    assert!(error("cartpole-swingup", |x| (x, x)).contains("choose another"));
    assert!(error("a@b", |x| (x, x)).contains("letters, digits"));
    assert!(error("push-2", |x| (x / 0.0 * 0.0, x)).contains("observation \"x\" is NaN"));
    assert!(error("push-3", |x| (x, f64::NAN * x)).contains("the reward is NaN"));
}

#[test]
fn a_changed_file_is_another_task() {
    let folder = Folder::new(TOML, MJCF);
    let task = load(&folder.toml()).unwrap();
    assert!(std::ptr::eq(load(&folder.toml()).unwrap(), task));
    assert_eq!(task.short_name(), "t");
    std::fs::write(folder.toml(), TOML.replace("rate_hz = 50", "rate_hz = 25")).unwrap();
    let other = load(&folder.toml()).unwrap();
    assert_ne!(task.name, other.name);
    assert_eq!((task.physics_steps, other.physics_steps), (2, 4));
}
