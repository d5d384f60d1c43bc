#!/usr/bin/env python3
"""Records episodes of Python dm_control in the format of `host-trainer replay`.

    cargo xtask record OUT_DIR [TASK ...]
    cargo xtask record --short tests/recordings
    cargo xtask record --speed SECONDS [TASK ...]

`cargo xtask record` installs dm_control and runs this script.

A recording is one JSON file, OUT_DIR/TASK.json: the request of a replay ("task", "state", "model", "actions",
"repeat") and dm_control's results ("observations", "rewards", one entry for each decision). Whole episodes have 250
decisions of 4 control steps; half of the actions are uniformly random, half are random extremes. Seeds are tried until
the reward changes within the recording, because a reward that is always 0 tests little.

OUT_DIR/starts/TASK.json contains the initial states of 2000 episodes: the values of each coordinate of the state, and
of each field of the model that an episode edits; a single value where it never varies.

`--short` writes the committed files: two short recordings and 200 initial states for each domain. `--speed` writes
nothing; it prints decisions per second of CPU time.
"""

import argparse
import json
import pathlib
import sys
import time

import mujoco
import numpy as np
from dm_control import suite

TASKS = [
    "acrobot-swingup",
    "ball_in_cup-catch",
    "cartpole-balance",
    "cartpole-balance_sparse",
    "cartpole-swingup",
    "cartpole-swingup_sparse",
    "cartpole-three_poles",
    "cartpole-two_poles",
    "cheetah-run",
    "finger-spin",
    "finger-turn_easy",
    "finger-turn_hard",
    "humanoid-stand",
    "humanoid-walk",
    "pendulum-swingup",
    "point_mass-easy",
    "quadruped-run",
    "quadruped-walk",
    "reacher-easy",
    "reacher-hard",
    "walker-run",
    "walker-stand",
    "walker-walk",
]

# The committed recordings, two for each domain, of different tasks where there are several:
# (task, control steps before the recording starts, decisions).
SHORT = [
    ("acrobot-swingup", 0, 25),
    ("acrobot-swingup", 400, 25),
    ("ball_in_cup-catch", 0, 25),
    ("ball_in_cup-catch", 2, 25),
    ("cartpole-swingup", 0, 25),
    ("cartpole-three_poles", 400, 25),
    ("cheetah-run", 0, 25),
    ("cheetah-run", 400, 25),
    ("finger-spin", 0, 25),
    ("finger-turn_hard", 4, 25),
    ("humanoid-stand", 0, 12),
    ("humanoid-walk", 4, 12),
    ("pendulum-swingup", 0, 25),
    ("pendulum-swingup", 4, 25),
    ("point_mass-easy", 0, 25),
    ("point_mass-easy", 4, 25),
    ("quadruped-run", 0, 12),
    ("quadruped-walk", 40, 12),
    ("reacher-easy", 0, 25),
    ("reacher-hard", 4, 25),
    ("walker-stand", 0, 25),
    ("walker-run", 40, 25),
]

# The committed initial states are those of one task for each domain.
SHORT_STARTS = [
    "acrobot-swingup",
    "ball_in_cup-catch",
    "cartpole-three_poles",
    "cheetah-run",
    "finger-turn_easy",
    "humanoid-walk",
    "pendulum-swingup",
    "point_mass-easy",
    "quadruped-walk",
    "reacher-hard",
    "walker-run",
]

# Initial states from which random actions reach the reward, for tasks whose own initial states are too far away:
# (array, joint, value), set after the reset.
NEAR_REWARD = {
    "ball_in_cup-catch": [("qpos", "ball_x", 0.0), ("qpos", "ball_z", 0.345)],
    "cartpole-swingup_sparse": [("qpos", "hinge_1", 0.02)],
    "finger-spin": [("qvel", "hinge", -20.0)],
    "pendulum-swingup": [("qpos", "hinge", 0.1)],
    "point_mass-easy": [("qpos", "root_x", 0.012), ("qpos", "root_y", -0.015)],
}
SEEDS = 200

# Fields of the model that tasks may edit; recorded where they differ from the fresh model.
FIELDS = ["dof_damping", "geom_pos", "geom_size", "site_pos", "site_size"]

REPEAT = 4


def load(name, seed):
    domain, task = name.split("-")
    return suite.load(domain, task, task_kwargs={"random": seed})


def flat(observation):
    return np.concatenate([np.ravel(value) for value in observation.values()])


def to_controls(action, spec):
    """Scales [-1, 1] to each actuator's range, as dm_control.suite.wrappers.action_scale does."""
    low, high = spec.minimum, spec.maximum
    same = (low == -1) & (high == 1)
    return np.where(same, action, low + (high - low) / 2 * (action + 1))


def full_state(physics):
    return physics.get_state(mujoco.mjtState.mjSTATE_INTEGRATION)


def place(env, name):
    """Moves a fresh episode close to its reward."""
    physics = env.physics
    if name in NEAR_REWARD:
        with physics.reset_context():
            for array, joint, value in NEAR_REWARD[name]:
                getattr(physics.named.data, array)[joint] = value


def record(name, skip, decisions):
    """Returns a recording in which the reward changes."""
    for seed in range(SEEDS):
        recording = record_seed(name, seed, skip, decisions)
        if min(recording["rewards"]) + 1e-3 < max(recording["rewards"]):
            return recording
    sys.exit(f"{name}: the reward stays the same with all of {SEEDS} seeds")


def record_seed(name, seed, skip, decisions):
    env = load(name, seed)
    fresh = {field: np.copy(getattr(env.physics.model, field)) for field in FIELDS}
    random = np.random.RandomState(1000 + seed)
    spec = env.action_spec()
    env.reset()
    place(env, name)
    for _ in range(skip):
        env.step(to_controls(random.uniform(-1, 1, spec.shape), spec))

    state = full_state(env.physics)
    edited = {
        field: np.ravel(getattr(env.physics.model, field)).tolist()
        for field in FIELDS
        if np.any(getattr(env.physics.model, field) != fresh[field])
    }
    actions, observations, rewards = [], [], []
    for decision in range(decisions):
        action = random.uniform(-1, 1, spec.shape)
        if decision // 10 % 2:
            action = np.sign(action)
        reward = 0.0
        for _ in range(REPEAT):
            step = env.step(to_controls(action, spec))
            reward += step.reward
        actions.append(action.tolist())
        observations.append(flat(step.observation).tolist())
        rewards.append(reward)
    return {
        "task": name,
        "state": state.tolist(),
        "model": edited,
        "actions": actions,
        "repeat": REPEAT,
        "observations": observations,
        "rewards": rewards,
    }


def starts(name, count):
    """Returns the coordinates after each of many resets."""
    env = load(name, 12345)
    physics = env.physics
    fresh = {field: np.ravel(np.copy(getattr(physics.model, field))) for field in FIELDS}
    columns = {}
    for _ in range(count):
        env.reset()
        arrays = {"qpos": physics.data.qpos, "qvel": physics.data.qvel}
        arrays |= {field: np.ravel(getattr(physics.model, field)) for field in FIELDS}
        for array, values in arrays.items():
            for index, value in enumerate(values):
                columns.setdefault((array, index), []).append(float(value))
    coordinates = {}
    for (array, index), values in columns.items():
        constant = min(values) == max(values)
        if array in FIELDS and constant and values[0] == fresh[array][index]:
            continue
        coordinates[f"{array}[{index}]"] = values[0] if constant else values
    return {"task": name, "resets": count, "coordinates": coordinates}


def speed(name, seconds):
    """Returns decisions per second of CPU time, with uniformly random actions."""
    env = load(name, 0)
    spec = env.action_spec()
    random = np.random.RandomState(0)
    decisions = 0
    step = env.reset()
    begin = time.process_time()
    while time.process_time() - begin < seconds:
        controls = to_controls(random.uniform(-1, 1, spec.shape), spec)
        for _ in range(REPEAT):
            step = env.step(controls)
        flat(step.observation)
        decisions += 1
    return decisions / (time.process_time() - begin)


def write(path, document, digits=17):
    """Writes JSON. With 17 significant digits every double is read back with the same bits."""

    def text(value):
        if isinstance(value, dict):
            items = (f"{json.dumps(key)}: {text(item)}" for key, item in value.items())
            return "{" + ",\n".join(items) + "}"
        if isinstance(value, list):
            return "[" + (",\n" if value and isinstance(value[0], list) else ",").join(map(text, value)) + "]"
        if isinstance(value, float):
            return f"{value:.{digits}g}"
        return json.dumps(value)

    path.write_text(text(document) + "\n")
    print(f"{path}: {path.stat().st_size} bytes", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out_dir", nargs="?", type=pathlib.Path, metavar="OUT_DIR")
    parser.add_argument("tasks", nargs="*", metavar="TASK")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--speed", type=float, metavar="SECONDS")
    arguments = parser.parse_args()
    tasks = list(arguments.tasks)
    if arguments.speed and arguments.out_dir:
        tasks.insert(0, str(arguments.out_dir))
    elif not arguments.speed and not arguments.out_dir:
        parser.error("OUT_DIR is missing")
    unknown = sorted(set(tasks) - set(TASKS))
    if unknown:
        sys.exit(f"unknown task {unknown[0]}; known are {', '.join(TASKS)}")
    if mujoco.__version__ != "3.17.0":
        sys.exit(f"mujoco is {mujoco.__version__}, not 3.17.0: run this script by `cargo xtask record`")
    chosen = tasks or TASKS

    if arguments.speed:
        for name in chosen:
            print(f"{name}: {speed(name, arguments.speed):.0f} decisions per CPU second", flush=True)
        return
    out_dir = arguments.out_dir
    (out_dir / "starts").mkdir(parents=True, exist_ok=True)
    if arguments.short:
        for name, skip, decisions in SHORT:
            if name in chosen:
                write(out_dir / f"{name}-from-{skip}.json", record(name, skip, decisions))
        for name in SHORT_STARTS:
            if name in chosen:
                write(out_dir / "starts" / f"{name}.json", starts(name, 200), digits=5)
        return
    for name in chosen:
        write(out_dir / f"{name}.json", record(name, 0, 250))
        write(out_dir / "starts" / f"{name}.json", starts(name, 2000), digits=9)


if __name__ == "__main__":
    main()
