"""Writes policies in the layouts of Stable-Baselines3, CleanRL and PyTorch's ONNX exporters, with their actions.

    python3 tools/foreign_policies.py FOLDER

Needs numpy, safetensors and onnx (`cargo xtask test` installs them), and none of the imitated programs. The weights
are random; the sizes are those of reacher-easy: 6 observations, 2 actions. For each NAME.safetensors or NAME.onnx
there is a file NAME.answers with the actions for the file `observations`, computed here in double precision and
scaled to [-1, 1]. Both are raw little-endian floats, one row for each observation.
"""

import json
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

OBS, ACT, ROWS = 6, 2, 1000
folder = pathlib.Path(sys.argv[1])
random = np.random.default_rng(7)


def relu(x):
    return np.maximum(x, 0)


def silu(x):
    return x / (1 + np.exp(-x))


def clip(x):
    return np.clip(x, -1, 1)


def linear(inputs, outputs):
    """Returns weight [out, in] and bias [out], as in nn.Linear."""
    scale = 1.5 / np.sqrt(inputs)
    weight = random.normal(0, scale, (outputs, inputs)).astype(np.float32)
    return weight, random.normal(0, 0.3, outputs).astype(np.float32)


def network(first, second):
    return [linear(OBS, first), linear(first, second), linear(second, ACT)]


def forward(layers, x, activation):
    x = x.astype(np.float64)
    for weight, bias in layers[:-1]:
        x = activation(x @ weight.astype(np.float64).T + bias)
    weight, bias = layers[-1]
    return x @ weight.astype(np.float64).T + bias


def named(names, layers):
    return {f"{name}.{part}": value for name, layer in zip(names, layers) for part, value in zip(("weight", "bias"), layer)}


def others(*names):
    """Returns further networks, which an import must ignore."""
    return named(names, [linear(OBS, 7) for _ in names])


def answer(name, actions):
    actions.astype("<f4").tofile(folder / f"{name}.answers")


observations = random.normal(0, 2, (ROWS, OBS)).astype("<f4")
observations[:50] *= 1e6
observations.tofile(folder / "observations")

mean, var = random.normal(0, 1, OBS), random.uniform(0.05, 4, OBS)
json.dump({"obs_rms": {"mean": list(mean), "var": list(var), "count": 1e5}, "clip_obs": 5.0, "epsilon": 1e-8},
          open(folder / "vec_normalize.json", "w"))
save_file({"obs_rms.mean": mean, "obs_rms.var": var, "obs_rms.count": np.array([1e5])}, folder / "rms.safetensors")


def normalised(largest):
    return np.clip((observations.astype(np.float64) - mean) / np.sqrt(var + 1e-8), -largest, largest)


# Stable-Baselines3: ActorCriticPolicy, SACPolicy, TD3Policy.
ppo = network(64, 64)
names = ["mlp_extractor.policy_net.0", "mlp_extractor.policy_net.2", "action_net"]
extra = others("mlp_extractor.value_net.0", "mlp_extractor.value_net.2", "value_net")
save_file({**named(names, ppo), **extra, "log_std": np.full(ACT, -0.5, np.float32)}, folder / "sb3_ppo.safetensors")
answer("sb3_ppo", clip(forward(ppo, normalised(5.0), np.tanh)))

ppo = network(20, 12)
save_file({**named(names, ppo), **extra, "log_std": np.zeros(ACT, np.float32)}, folder / "sb3_relu.safetensors")
answer("sb3_relu", clip(forward(ppo, observations, relu)))

sac = network(16, 24)
names = ["actor.latent_pi.0", "actor.latent_pi.2", "actor.mu"]
save_file({**named(names, sac), **others("actor.log_std", "critic.qf0.0")}, folder / "sb3_sac.safetensors")
answer("sb3_sac", np.tanh(forward(sac, observations, relu)))

td3 = network(24, 16)
names = ["actor.mu.0", "actor.mu.2", "actor.mu.4"]
save_file({**named(names, td3), **others("actor_target.mu.0")}, folder / "sb3_td3.safetensors")
answer("sb3_td3", np.tanh(forward(td3, observations, relu)))

# CleanRL: ppo_continuous_action, sac_continuous_action, td3_continuous_action.
ppo = network(64, 64)
wide = {name: value.astype(np.float64) for name, value in named(["actor_mean.0", "actor_mean.2", "actor_mean.4"], ppo).items()}
save_file({**wide, **others("critic.0"), "actor_logstd": np.full((1, ACT), -1.0)}, folder / "cleanrl_ppo.safetensors")
answer("cleanrl_ppo", clip(forward(ppo, normalised(10.0), np.tanh)))

scale, bias = np.array([[0.8, 0.5]], np.float32), np.array([[0.1, -0.25]], np.float32)
for last in ("fc_mean", "fc_mu"):
    name = {"fc_mean": "cleanrl_sac", "fc_mu": "cleanrl_td3"}[last]
    layers = network(16, 16)
    extra = others("fc_logstd") if last == "fc_mean" else {}
    save_file({**named(["fc1", "fc2", last], layers), **extra, "action_scale": scale, "action_bias": bias}, folder / f"{name}.safetensors")
    answer(name, np.tanh(forward(layers, observations, relu)) * scale + bias)


# ONNX as torch.onnx.export writes it.
def save_onnx(name, nodes, constants, outputs, opset):
    given = [helper.make_tensor_value_info("obs", TensorProto.FLOAT, ["batch", OBS])]
    wanted = [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", width]) for output, width in outputs]
    tensors = [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()]
    graph = helper.make_graph(nodes, name, given, wanted, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, folder / f"{name}.onnx")


def gemm(x, layer, out):
    return helper.make_node("Gemm", [x, f"{layer}.weight", f"{layer}.bias"], [out], alpha=1.0, beta=1.0, transB=1)


ppo, value = network(32, 20), [linear(OBS, 8), linear(8, 1)]
names = ["mlp_extractor.policy_net.0", "mlp_extractor.policy_net.2", "action_net"]
nodes = [
    helper.make_node("Flatten", ["obs"], ["flat"], axis=1),
    gemm("flat", names[0], "p1"), helper.make_node("Tanh", ["p1"], ["p2"]),
    gemm("flat", "v.0", "v1"), helper.make_node("Tanh", ["v1"], ["v2"]), gemm("v2", "v.1", "value"),
    gemm("p2", names[1], "p3"), helper.make_node("Tanh", ["p3"], ["p4"]), gemm("p4", names[2], "p5"),
    helper.make_node("Clip", ["p5", "low", "high"], ["action"]),
]
limits = {"low": np.float32(-1), "high": np.float32(1)}
outputs = [("value", 1), ("action", ACT)]
save_onnx("torch_gemm", nodes, {**named(names, ppo), **named(["v.0", "v.1"], value), **limits}, outputs, 17)
answer("torch_gemm", clip(forward(ppo, observations, np.tanh)))

ppo = network(20, 32)
nodes = [
    helper.make_node("Sub", ["obs", "mean"], ["x0"]), helper.make_node("Div", ["x0", "deviation"], ["x1"]),
    helper.make_node("Constant", [], ["ten"], value=numpy_helper.from_array(np.float32(10))),
    helper.make_node("Constant", [], ["minus_ten"], value=numpy_helper.from_array(np.float32(-10))),
    helper.make_node("Clip", ["x1", "minus_ten", "ten"], ["x2"]),
]
at = "x2"
for i in range(3):
    nodes += [
        helper.make_node("Transpose", [f"fc{i}.weight"], [f"t{i}"], perm=[1, 0]),
        helper.make_node("MatMul", [at, f"t{i}"], [f"m{i}"]), helper.make_node("Add", [f"fc{i}.bias", f"m{i}"], [f"s{i}"]),
    ]
    if i < 2:
        nodes += [helper.make_node("Sigmoid", [f"s{i}"], [f"g{i}"]), helper.make_node("Mul", [f"s{i}", f"g{i}"], [f"h{i}"])]
    at = f"h{i}"
nodes += [
    helper.make_node("Tanh", ["s2"], ["squashed"]), helper.make_node("Mul", ["squashed", "scale"], ["scaled"]),
    helper.make_node("Add", ["scaled", "bias"], ["action"]),
]
constants = {"mean": mean.astype(np.float32), "deviation": np.sqrt(var + 1e-8).astype(np.float32), "scale": scale[0], "bias": bias[0]}
save_onnx("torch_matmul", nodes, {**named(["fc0", "fc1", "fc2"], ppo), **constants}, [("action", ACT)], 13)
answer("torch_matmul", np.tanh(forward(ppo, normalised(10.0), silu)) * scale + bias)
