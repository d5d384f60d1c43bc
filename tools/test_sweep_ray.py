"""Two Ray nodes on this machine, one of which is killed: python3 tools/test_sweep_ray.py [host-trainer]

Plans six short jobs, runs them by tools/sweep_ray.py on two nodes of one CPU each, and while both train kills
the raylet of one node and its workers with SIGKILL, as a lost machine would. The training processes
themselves are left to end with their workers. Checks that every job is finished, that only a lost one had
a second process, and that every metrics.csv is the one that an undisturbed run on this machine writes.
Needs `pip install ray`.
"""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from ray.cluster_utils import Cluster

SWEEP = """
seeds = "1"
[set]
decisions = 61440
rollout.length = 256
evaluate.every = 8
evaluate.episodes = 2
model.steps = 100
[grid]
gamma = [0.9, 0.95, 0.97, 0.98, 0.99, 0.995]
"""


def lines(path):
    return len(path.read_text().splitlines()) if path.exists() else 0


def main():
    here = pathlib.Path(__file__).resolve().parent
    program = str(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else here.parent / "target/release/host-trainer").resolve(strict=True))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sweep-ray-"))
    (folder / "sweep.toml").write_text(SWEEP)
    plan = subprocess.run([program, "sweep", "plan", "sweep.toml"], cwd=folder, check=True, capture_output=True, text=True).stdout
    (folder / "plan.jsonl").write_text(plan)
    print(f"{len(plan.splitlines())} jobs", flush=True)
    subprocess.run([program, "sweep", "run", "plan.jsonl", "--out", "alone"], cwd=folder, check=True, capture_output=True)
    print("all of them trained here, undisturbed", flush=True)

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    cluster.wait_for_nodes()
    print(f"cluster at {cluster.address}: a head and two nodes of one CPU", flush=True)
    command = [sys.executable, str(here / "sweep_ray.py"), "plan.jsonl", "--out", "shared", "--address", cluster.address, "--program", program]
    sweep = subprocess.Popen(command, cwd=folder)
    while sum(3 < lines(metrics) < 15 for metrics in folder.glob("shared/*/metrics.csv")) < 2:
        assert sweep.poll() is None, "the sweep ended before two jobs were under way"
        time.sleep(0.01)
    raylet = nodes[0].all_processes["raylet"][0].process.pid
    workers = [int(pid) for pid in pathlib.Path(f"/proc/{raylet}/task/{raylet}/children").read_text().split()]
    for process in [raylet, *workers]:
        os.kill(process, signal.SIGKILL)
    under_way = [metrics.parent.name for metrics in folder.glob("shared/*/metrics.csv") if not (metrics.parent / "summary.json").exists()]
    print(f"killed the raylet of one node and its {len(workers)} workers with SIGKILL; under way were {', '.join(under_way)}", flush=True)
    code = sweep.wait()
    cluster.shutdown()
    assert code == 0, f"the sweep ended with {code}"

    processes = {}
    alone = sorted(folder.glob("alone/*/metrics.csv"))
    for metrics in alone:
        job = folder / "shared" / metrics.parent.name
        assert (job / "summary.json").exists(), f"{job.name} is not finished"
        assert not (job / "lock").exists(), f"{job.name} is still held"
        # A job that two processes trained would have lines twice; one that lost something, other lines.
        assert (job / "metrics.csv").read_bytes() == metrics.read_bytes(), f"{job.name} differs"
        processes[job.name] = len(list(job.glob("tensorboard/seed-1/*")))
    gone_on = [name for name, count in processes.items() if count > 1]
    assert gone_on and set(gone_on) <= set(under_way), f"gone on with {gone_on}, under way {under_way}"
    print(f"gone on with by another process: {', '.join(gone_on)}; all others by one")
    print(f"all {len(alone)} jobs finished, each metrics.csv the same bytes as undisturbed")


if __name__ == "__main__":
    main()
