"""Writes scores and the statistics that the library rliable computes from them: python3 tools/rliable_reference.py > host-trainer/src/report/rliable.json

Needs `pip install rliable "pandas<3"`. The tests of the report compare host-trainer's statistics with this file.
The scores are invented, in the range of returns of the Control Suite: two methods, seven tasks, nine seeds, some ties.
"""

import json

import numpy
import scipy
from rliable import library, metrics

RESAMPLES = 20_000
SEEDS, TASKS = 9, 7
THRESHOLDS = [0, 50, 100, 200, 400, 600, 800, 900, 1000]


def main():
    random = numpy.random.default_rng(20)
    middle = random.uniform(100, 900, TASKS)
    ours, theirs = (
        numpy.clip(middle + shift + random.normal(0, 120, (SEEDS, TASKS)), 0, 1000).round(1) for shift in (60, 0)
    )
    # Ties within a method and between the two methods.
    theirs[:3, 0] = ours[:3, 0]
    ours[4, 1] = ours[5, 1]
    theirs[:, 6] = ours[:, 6]

    def both(scores, statistics):
        points, intervals = library.get_interval_estimates(
            {"it": scores}, lambda *drawn: numpy.array([statistic(*drawn) for statistic in statistics]), reps=RESAMPLES
        )
        return points["it"], intervals["it"]

    result = {
        "made_by": f"rliable, numpy {numpy.__version__}, scipy {scipy.__version__}, {RESAMPLES} resamples",
        # [task][seed], the order of host-trainer.
        "ours": ours.T.tolist(),
        "theirs": theirs.T.tolist(),
        "thresholds": THRESHOLDS,
    }
    for name, scores in [("ours", ours), ("theirs", theirs)]:
        points, intervals = both(scores, [metrics.aggregate_mean, metrics.aggregate_iqm])
        # For each task: the trimmed mean over seeds.
        result[name + "_mean"], result[name + "_iqm"] = points.tolist()
        result[name + "_mean_interval"], result[name + "_iqm_interval"] = intervals.T.tolist()
        result[name + "_task_iqm"] = [scipy.stats.trim_mean(column, 0.25) for column in scores.T]
        profiles, bands = library.create_performance_profile({"it": scores}, numpy.array(THRESHOLDS), reps=RESAMPLES)
        result[name + "_profile"] = profiles["it"].tolist()
        result[name + "_profile_intervals"] = bands["it"].T.tolist()
    point, interval = both((ours, theirs), [metrics.probability_of_improvement])
    result["improvement"], result["improvement_interval"] = point[0], interval[:, 0].tolist()
    # Methods with different numbers of seeds.
    result["uneven_improvement"] = metrics.probability_of_improvement(ours[:4], theirs)
    # The area under a curve.
    result["curve"] = [[float(x), float(y)] for x, y in zip([0, 10, 15, 40, 41], ours[:5, 2])]
    xs, ys = zip(*result["curve"])
    result["area"] = float(numpy.trapezoid(ys, xs))
    # One line for each key.
    print("{\n" + ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in result.items()) + "\n}")


main()
