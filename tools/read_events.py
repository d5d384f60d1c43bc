"""Prints the scalars of TensorBoard event files as JSON: python3 tools/read_events.py FOLDER

TensorBoard's own reader checks the files that host-trainer writes. `cargo xtask test` installs the package
tensorboard into .deps/reference, where the tests find it.
"""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
events.Reload()
scalars = {tag: [[event.step, event.value, event.wall_time] for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
print(json.dumps(scalars))
