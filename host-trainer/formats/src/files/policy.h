/* Where tanhf and expf are exact to the last bit is up to the C library; everything else here gives
 * the bits of the image's own arithmetic, if products and sums are not fused: -ffp-contract=off. */
static inline float policy_activation(float x) { return @ACTIVATION@; }
static inline float policy_head(float x) { return @HEAD@; }

static inline float policy_limit(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

/* y[o] = ((b[o] + w[0][o] x[0]) + w[1][o] x[1]) + ... */
static inline void policy_affine(const float *w, const float *b, const float *x, int inputs,
                                 int outputs, float *y)
{
    for (int o = 0; o < outputs; o++) y[o] = b[o];
    for (int i = 0; i < inputs; i++, w += outputs)
        for (int o = 0; o < outputs; o++) y[o] += w[o] * x[i];
}

/* The most probable action. Keep observations that are not finite away from it. */
static inline void policy_act(const float observation[POLICY_OBSERVATIONS],
                              float action[POLICY_ACTIONS])
{
    float z[POLICY_OBSERVATIONS], first[POLICY_HIDDEN], second[POLICY_HIDDEN];
    for (int i = 0; i < POLICY_OBSERVATIONS; i++)
        z[i] = policy_limit((observation[i] - policy_mean[i]) * policy_inverse_deviation[i],
                            -POLICY_CLIP, POLICY_CLIP);
    policy_affine(policy_w1, policy_b1, z, POLICY_OBSERVATIONS, POLICY_HIDDEN, first);
    for (int i = 0; i < POLICY_HIDDEN; i++) first[i] = policy_activation(first[i]);
    policy_affine(policy_w2, policy_b2, first, POLICY_HIDDEN, POLICY_HIDDEN, second);
    for (int i = 0; i < POLICY_HIDDEN; i++) second[i] = policy_activation(second[i]);
    policy_affine(policy_w3, policy_b3, second, POLICY_HIDDEN, POLICY_ACTIONS, action);
    for (int i = 0; i < POLICY_ACTIONS; i++) {
        const float low = policy_low[i], high = policy_high[i];
        const float centre = 0.5f * (low + high), half_range = 0.5f * (high - low);
        const float raw = policy_limit(policy_head(action[i]), -1.0f, 1.0f);
        action[i] = policy_limit(centre + half_range * raw, low, high);
    }
}

#endif
