"""Decisions in a second of CPU time: python dm_control.py DOMAIN TASK DECISIONS ACTION_REPEAT."""

import sys
import time

import numpy as np
from dm_control import suite

domain, task, decisions, repeat = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
environment = suite.load(domain, task)
spec = environment.action_spec()
random = np.random.RandomState(1)
actions = random.uniform(spec.minimum, spec.maximum, size=(decisions,) + spec.shape)
environment.reset()
start = time.process_time()
for action in actions:
    for _ in range(repeat):
        if environment.step(action).last():
            environment.reset()
            break
print(decisions / (time.process_time() - start))
