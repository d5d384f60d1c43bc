"""Writes the measured networks as int8 TensorFlow Lite models, the input format of microflow.

    python tflite_networks.py FOLDER NAME...

FOLDER contains `NAME.f32` (for each layer weights [out][in], then biases) and `observation.f32`; a NAME is, for
example, 17-64-64-6. Weights have one scale for each layer and no zero point. The range of the activations is the one
that occurs for the observation, as in our own quantisation. Needs the packages tflite and flatbuffers.
"""

import array
import sys
from pathlib import Path

import flatbuffers
import tflite as t


def floats(path):
    numbers = array.array("f")
    numbers.frombytes(path.read_bytes())
    return list(numbers)


def layers(name, numbers):
    """Yields (rows of weights, biases) for each layer, one row for each output."""
    sizes = [int(size) for size in name.split("-")]
    for inputs, outputs in zip(sizes, sizes[1:]):
        weights, numbers = numbers[: inputs * outputs], numbers[inputs * outputs :]
        bias, numbers = numbers[:outputs], numbers[outputs:]
        yield [weights[o * inputs : (o + 1) * inputs] for o in range(outputs)], bias


def clamp(value, low, high):
    return max(low, min(high, round(value)))


class File:
    def __init__(self):
        self.builder = flatbuffers.Builder(1 << 16)
        self.buffers = [self.buffer(b"")]
        self.tensors = []

    def buffer(self, data):
        offset = self.builder.CreateByteVector(data) if data else None
        t.BufferStart(self.builder)
        if offset is not None:
            t.BufferAddData(self.builder, offset)
        return t.BufferEnd(self.builder)

    def vector(self, values, start, put):
        start(self.builder, len(values))
        for value in reversed(values):
            put(value)
        return self.builder.EndVector()

    def tensor(self, shape, kind, scale, zero_point, data=b""):
        """Adds a tensor and returns its index."""
        b = self.builder
        index = 0
        if data:
            index = len(self.buffers)
            self.buffers.append(self.buffer(data))
        scales = self.vector([scale], t.QuantizationParametersStartScaleVector, b.PrependFloat32)
        zeros = self.vector([zero_point], t.QuantizationParametersStartZeroPointVector, b.PrependInt64)
        sizes = self.vector(shape, t.TensorStartShapeVector, b.PrependInt32)
        t.QuantizationParametersStart(b)
        t.QuantizationParametersAddScale(b, scales)
        t.QuantizationParametersAddZeroPoint(b, zeros)
        quantization = t.QuantizationParametersEnd(b)
        t.TensorStart(b)
        t.TensorAddShape(b, sizes)
        t.TensorAddType(b, kind)
        t.TensorAddBuffer(b, index)
        t.TensorAddQuantization(b, quantization)
        self.tensors.append(t.TensorEnd(b))
        return len(self.tensors) - 1

    def fully_connected(self, inputs, output, relu):
        b = self.builder
        kind = t.ActivationFunctionType
        t.FullyConnectedOptionsStart(b)
        t.FullyConnectedOptionsAddFusedActivationFunction(b, kind.RELU if relu else kind.NONE)
        options = t.FullyConnectedOptionsEnd(b)
        inputs = self.vector(inputs, t.OperatorStartInputsVector, b.PrependInt32)
        outputs = self.vector([output], t.OperatorStartOutputsVector, b.PrependInt32)
        t.OperatorStart(b)
        t.OperatorAddOpcodeIndex(b, 0)
        t.OperatorAddInputs(b, inputs)
        t.OperatorAddOutputs(b, outputs)
        t.OperatorAddBuiltinOptionsType(b, t.BuiltinOptions.FullyConnectedOptions)
        t.OperatorAddBuiltinOptions(b, options)
        return t.OperatorEnd(b)

    def finish(self, operators, first, last):
        b, offset = self.builder, self.builder.PrependUOffsetTRelative
        tensors = self.vector(self.tensors, t.SubGraphStartTensorsVector, offset)
        inputs = self.vector([first], t.SubGraphStartInputsVector, b.PrependInt32)
        outputs = self.vector([last], t.SubGraphStartOutputsVector, b.PrependInt32)
        operators = self.vector(operators, t.SubGraphStartOperatorsVector, offset)
        t.SubGraphStart(b)
        t.SubGraphAddTensors(b, tensors)
        t.SubGraphAddInputs(b, inputs)
        t.SubGraphAddOutputs(b, outputs)
        t.SubGraphAddOperators(b, operators)
        graph = self.vector([t.SubGraphEnd(b)], t.ModelStartSubgraphsVector, offset)
        code = t.BuiltinOperator.FULLY_CONNECTED
        t.OperatorCodeStart(b)
        t.OperatorCodeAddDeprecatedBuiltinCode(b, code)
        t.OperatorCodeAddBuiltinCode(b, code)
        codes = self.vector([t.OperatorCodeEnd(b)], t.ModelStartOperatorCodesVector, offset)
        buffers = self.vector(self.buffers, t.ModelStartBuffersVector, offset)
        t.ModelStart(b)
        t.ModelAddVersion(b, 3)
        t.ModelAddOperatorCodes(b, codes)
        t.ModelAddSubgraphs(b, graph)
        t.ModelAddBuffers(b, buffers)
        b.Finish(t.ModelEnd(b), b"TFL3")
        return bytes(b.Output())


def convert(name, numbers, observation):
    file, kind = File(), t.TensorType
    x = observation[: int(name.split("-")[0])]
    scale, zero = max(abs(value) for value in x) / 127, 0
    first = at = file.tensor([1, len(x)], kind.INT8, scale, zero)
    operators, all_layers = [], list(layers(name, numbers))
    for rows, bias in all_layers:
        relu = len(operators) < len(all_layers) - 1
        y = [b + sum(w * x for w, x in zip(row, x)) for row, b in zip(rows, bias)]
        weight_scale = max(abs(w) for row in rows for w in row) / 127
        weights = array.array("b", [clamp(w / weight_scale, -127, 127) for row in rows for w in row])
        bias_scale = scale * weight_scale
        biases = array.array("i", [clamp(b / bias_scale, -(2**31), 2**31 - 1) for b in bias])
        if relu:
            y = [max(value, 0.0) for value in y]
            scale, zero = max(y) / 255, -128
        else:
            scale, zero = max(abs(value) for value in y) / 127, 0
        shape = [len(rows), len(rows[0])]
        weights = file.tensor(shape, kind.INT8, weight_scale, 0, weights.tobytes())
        biases = file.tensor([len(bias)], kind.INT32, bias_scale, 0, biases.tobytes())
        output = file.tensor([1, len(rows)], kind.INT8, scale, zero)
        operators.append(file.fully_connected([at, weights, biases], output, relu))
        at, x = output, y
    return file.finish(operators, first, at)


def main():
    folder, *names = sys.argv[1:]
    folder = Path(folder)
    for name in names:
        model = convert(name, floats(folder / f"{name}.f32"), floats(folder / "observation.f32"))
        (folder / f"{name}.tflite").write_bytes(model)


main()
