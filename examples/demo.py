"""``make demo``: run the job in examples/co2.py in an empty, throw-away store, and then once more in a second process."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

JOB = Path(__file__).with_name("co2.py")


def main() -> int:
    """Run the job twice; the exit status is the job's."""
    output = Path("demo-output").resolve()
    output.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="load-demo-") as home:
        for title in ("First run: nothing is installed yet", "Second run, a new process: nothing is installed again"):
            print(f"{title}\n{'=' * len(title)}", flush=True)
            began = time.perf_counter()
            status = subprocess.run(
                [sys.executable, JOB, output], env={**os.environ, "LOAD_HOME": home}, check=False
            ).returncode
            if status:
                return status
            print(f"({time.perf_counter() - began:.1f} s)\n", flush=True)
    print(f"The plot is in {output}; the interpreter's own environment was not touched, and the store is gone again.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
