"""Runs a sweep's plan on a Ray cluster: python3 tools/sweep_ray.py PLAN.jsonl --out SHARED_DIR

Every job is one run directory below SHARED_DIR. SHARED_DIR and host-trainer must have the same path on all nodes. A
job of a lost node starts again on another node and resumes from its last checkpoint. The training process ends with
the Ray worker, and the lock of the run directory keeps two processes from writing at the same time.
Needs `pip install ray`.
"""

import argparse
import ctypes
import json
import pathlib
import shutil
import signal
import subprocess
import sys

import ray


def die_with_parent():
    """Linux only: when the worker that started the child ends, the child receives SIGTERM, saves, and ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def train(line, program, out):
    """Trains one line of the plan, or resumes it. Raises host-trainer's error, so that Ray tries again."""
    job = json.loads(line)
    place = pathlib.Path(out) / job["id"]
    if (place / "summary.json").exists():
        return job["id"], "was finished"
    begun = (place / "checkpoints").exists()
    command = [program, "sweep", "run", "-", "--out", out, "--only", job["id"]]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
    message = child.communicate(line)[1].strip()
    if child.returncode != 0:
        raise RuntimeError(f"{job['id']} ended with {child.returncode}: {message.splitlines()[-1:]}")
    return job["id"], "resumed" if begun else "trained"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plan", type=pathlib.Path, help="made by `host-trainer sweep plan`")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="run directories, on a disk that all nodes share")
    parser.add_argument("--program", default=shutil.which("host-trainer") or "target/release/host-trainer")
    parser.add_argument("--address", default=None, help="the cluster; default: RAY_ADDRESS, else one on this machine")
    parser.add_argument("--cpus", type=float, default=1, help="CPUs of a job")
    parser.add_argument("--gpus", type=float, default=0, help="GPUs of a job, such as 0.25")
    parser.add_argument("--retries", type=int, default=3, help="how often a job may fail or lose its node")
    options = parser.parse_args()
    try:
        lines = [line for line in options.plan.read_text().splitlines() if line.strip()]
        program = str(pathlib.Path(options.program).resolve(strict=True))
    except OSError as error:
        sys.exit(f"error: {error}")

    ray.init(address=options.address, log_to_driver=False)
    remote = ray.remote(train).options(
        num_cpus=options.cpus, num_gpus=options.gpus, max_retries=options.retries, retry_exceptions=True
    )
    waiting = {remote.remote(line, program, str(options.out.resolve())): json.loads(line) for line in lines}
    failed = 0
    while waiting:
        done, _ = ray.wait(list(waiting), num_returns=1)
        job = waiting.pop(done[0])
        try:
            how = ray.get(done[0])[1]
        except Exception as error:  # noqa: BLE001: a failed job does not stop the others
            how, failed = f"FAILED: {str(error).strip().splitlines()[-1]}", failed + 1
        print(f"{len(lines) - len(waiting)}/{len(lines)}  {job['id']}  {job['name']}  {how}", flush=True)
    sys.exit(f"error: {failed} of {len(lines)} jobs failed" if failed else 0)


if __name__ == "__main__":
    main()
