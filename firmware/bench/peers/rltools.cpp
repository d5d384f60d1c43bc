// RLtools (PyPI `rltools`): its dense layer for Arm, hand-unrolled, and its generic one.
#include "harness.h"

#define RL_TOOLS_NAMESPACE_WRAPPER_START
#define RL_TOOLS_NAMESPACE_WRAPPER_END
#include <rl_tools/operations/arm.h>
#include <rl_tools/nn/layers/dense/layer.h>
#include <rl_tools/nn/layers/dense/operations_arm/opt.h>

namespace rlt = rl_tools;
using TI = rlt::devices::arm::Base::index_t;
using TYPES = rlt::numeric_types::Policy<float>;
using rlt::nn::activation_functions::ActivationFunction;

// Static containers are the numbers themselves: a layer lies in flash as weights [out][in], biases.
template <TI IN, TI OUT, ActivationFunction ACTIVATION>
using Layer = rlt::nn::layers::dense::Layer<
    rlt::nn::layers::dense::Configuration<TYPES, TI, OUT, ACTIVATION>,
    rlt::nn::capability::Forward<false>, rlt::tensor::Shape<TI, 1, IN>>;
template <TI COLUMNS>
using Row = rlt::Matrix<rlt::matrix::Specification<float, TI, 1, COLUMNS, false>>;

template <typename DEVICE, TI IN, TI HIDDEN, TI OUT>
static inline void forward(const float *weights, const float *x, float *y) {
    using First = Layer<IN, HIDDEN, ActivationFunction::RELU>;
    using Second = Layer<HIDDEN, HIDDEN, ActivationFunction::RELU>;
    using Third = Layer<HIDDEN, OUT, ActivationFunction::IDENTITY>;
    static_assert(sizeof(First) == 4 * (IN + 1) * HIDDEN, "a layer is its numbers");
    static Row<HIDDEN> h1, h2;
    DEVICE device;
    typename DEVICE::SPEC::RANDOM::template ENGINE<> rng;
    rlt::nn::layers::dense::Buffer buffer;
    auto &first = *reinterpret_cast<const First *>(weights);
    auto &second = *reinterpret_cast<const Second *>(&first + 1);
    auto &third = *reinterpret_cast<const Third *>(&second + 1);
    auto &input = *reinterpret_cast<const Row<IN> *>(x);
    auto &output = *reinterpret_cast<Row<OUT> *>(y);
    rlt::evaluate(device, first, input, h1, buffer, rng);
    rlt::evaluate(device, second, h1, h2, buffer, rng);
    rlt::evaluate(device, third, h2, output, buffer, rng);
}

using Specification = rlt::devices::DefaultARMSpecification;
using Arm = rlt::devices::arm::OPT<Specification>;
using Generic = rlt::devices::arm::Generic<Specification>;

#define NETWORK(in, hidden, out)                                                                    \
    extern "C" __attribute__((noinline)) void arm_f32_##in##_##hidden##_##hidden##_##out(           \
        const float *x, float *y) {                                                                 \
        forward<Arm, in, hidden, out>(weights_##in##_##hidden##_##hidden##_##out, x, y);            \
    }                                                                                               \
    extern "C" __attribute__((noinline)) void generic_f32_##in##_##hidden##_##hidden##_##out(       \
        const float *x, float *y) {                                                                 \
        forward<Generic, in, hidden, out>(weights_##in##_##hidden##_##hidden##_##out, x, y);        \
    }
NETWORK(5, 64, 1)
NETWORK(17, 64, 6)
NETWORK(24, 64, 6)
NETWORK(24, 256, 6)

#define MEASURE(name, outputs) measure(#name, name, outputs)
int main() {
    MEASURE(arm_f32_5_64_64_1, 1);
    MEASURE(arm_f32_17_64_64_6, 6);
    MEASURE(arm_f32_24_64_64_6, 6);
    MEASURE(arm_f32_24_256_256_6, 6);
    MEASURE(generic_f32_5_64_64_1, 1);
    MEASURE(generic_f32_17_64_64_6, 6);
    MEASURE(generic_f32_24_64_64_6, 6);
    MEASURE(generic_f32_24_256_256_6, 6);
}
