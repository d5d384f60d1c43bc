/* CMSIS-DSP (PyPI `cmsisdsp`, sources): matrix times vector, plus the biases, clipped below zero. */
#include <arm_math.h>

#include "harness.h"

static void layer(const float **weights, int in, int out, int hidden, const float *x, float *y) {
    arm_matrix_instance_f32 matrix = {(uint16_t)out, (uint16_t)in, (float *)*weights};
    arm_mat_vec_mult_f32(&matrix, x, y);
    *weights += in * out;
    arm_add_f32(y, (float *)*weights, y, (uint32_t)out);
    *weights += out;
    if (hidden) arm_clip_f32(y, y, 0.0f, 3.4e38f, (uint32_t)out);
}

static void forward(const float *weights, int in, int hidden, int out, const float *x, float *y) {
    static float h1[256], h2[256];
    layer(&weights, in, hidden, 1, x, h1);
    layer(&weights, hidden, hidden, 1, h1, h2);
    layer(&weights, hidden, out, 0, h2, y);
}

#define NETWORK(in, hidden, out)                                                                    \
    __attribute__((noinline)) void dsp_f32_##in##_##hidden##_##hidden##_##out(const float *x,       \
                                                                              float *y) {           \
        forward(weights_##in##_##hidden##_##hidden##_##out, in, hidden, out, x, y);                 \
    }
NETWORK(5, 64, 1)
NETWORK(17, 64, 6)
NETWORK(24, 64, 6)
NETWORK(24, 256, 6)

#define MEASURE(name, outputs) measure(#name, name, outputs)
int main(void) {
    MEASURE(dsp_f32_5_64_64_1, 1);
    MEASURE(dsp_f32_17_64_64_6, 6);
    MEASURE(dsp_f32_24_64_64_6, 6);
    MEASURE(dsp_f32_24_256_256_6, 6);
    return 0;
}
