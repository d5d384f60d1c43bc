"""Computes the actions of an exported policy with other programs' runtimes.

    python3 tools/exported_policy.py onnx|safetensors FILE OBSERVATIONS ACTIONS

OBSERVATIONS and ACTIONS are raw little-endian floats, one row for each observation. An ONNX file is checked by the
package onnx and run by onnxruntime. A safetensors file is read by the package safetensors and computed with numpy
in double precision. `cargo xtask test` installs these packages into .deps/reference.
"""

import sys

import numpy as np


def from_onnx(path, observations):
    import onnx
    import onnxruntime

    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 13)], model.opset_import
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert about["task"] and about["preset"] and about["image_crc32"], about
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,), (wanted,) = session.get_inputs(), session.get_outputs()
    assert (given.name, wanted.name) == ("observation", "action")
    rows = np.fromfile(observations, "<f4").reshape(-1, given.shape[1])
    together = session.run(None, {"observation": rows})[0]
    assert together.shape == (len(rows), wanted.shape[1])
    # The batch size is free: a row alone gives the same action as in a batch.
    alone = session.run(None, {"observation": rows[:1]})[0]
    assert np.allclose(alone, together[:1], rtol=0, atol=1e-6)
    return together


ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "tanh": np.tanh,
    "silu": lambda x: x / (1 + np.exp(-x)),
}


def from_safetensors(path, observations):
    from safetensors import safe_open

    with safe_open(path, "numpy") as file:
        about = file.metadata()
        t = {name: file.get_tensor(name).astype(np.float64) for name in file.keys()}
    activation = ACTIVATIONS[about["activation"]]
    head = {"squash": np.tanh, "clip": lambda x: x}[about["head"]]
    rows = np.fromfile(observations, "<f4").reshape(-1, len(t["observation.mean"])).astype(np.float64)
    z = (rows - t["observation.mean"]) / t["observation.deviation"]
    z = np.clip(z, -t["observation.clip"], t["observation.clip"])
    for layer in ("actor.0", "actor.2"):
        z = activation(z @ t[layer + ".weight"].T + t[layer + ".bias"])
    raw = np.clip(head(z @ t["actor.4.weight"].T + t["actor.4.bias"]), -1, 1)
    low, high = t["action.low"], t["action.high"]
    return np.clip(0.5 * (low + high) + 0.5 * (high - low) * raw, low, high)


kind, path, observations, actions = sys.argv[1:]
compute = {"onnx": from_onnx, "safetensors": from_safetensors}[kind]
compute(path, observations).astype("<f4").tofile(actions)
