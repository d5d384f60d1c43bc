/* What every program of another library shares: networks, measurement, report. */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Parameters of a network as these libraries want them: for each layer, weights [out][in], then
   biases. Written by the command that builds these programs. */
extern const float weights_5_64_64_1[], weights_17_64_64_6[], weights_24_64_64_6[],
    weights_24_256_256_6[];
extern const float observation[24];

/* Runs one subject and writes its name, its ticks and the bits of its outputs. */
void measure(const char *name, void (*subject)(const float *x, float *y), int outputs);

/* Leaves the emulator. */
void leave(void);

#ifdef __cplusplus
}
#endif
#endif
