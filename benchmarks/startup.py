"""Start-up time of the command line: median wall time of 20 calls of `sharvin plugins list`, beside a bare interpreter."""

import statistics
import subprocess
import sys
import time


def median_seconds(*command: str, calls: int = 20) -> float:
    seconds = []
    for _ in range(calls):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


if __name__ == "__main__":
    listing = median_seconds(sys.executable, "-m", "sharvin", "plugins", "list")
    checking = median_seconds(sys.executable, "-m", "sharvin", "check", "examples/gold_break_junction.yaml", calls=5)
    bare = median_seconds(sys.executable, "-c", "pass")
    print(f"sharvin plugins list: {listing:.3f} s (bare python: {bare:.3f} s, ratio {listing / bare:.1f})")
    print(f"sharvin check:        {checking:.3f} s")
