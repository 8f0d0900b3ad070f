"""Runs a program over items on the devices of a room: `for result in compute_map(LINK, "square.js", items): ...`

Items and results are what JSON can say. Results come in the order of the items, as soon as they are there. The program is a FILE.wasm, a
FILE.js, or "@NAME" for a program that a lender offers: `meshwork compute lend LINK --offer NAME='python3 caption.py'`.
"""

import json
import subprocess
import sys
import threading


def compute_map(link, program, items, *options, meshwork="meshwork"):
    """Yields a result for each item. Ends early if the caller stops. Raises RuntimeError with the reason if an item fails."""
    command = [meshwork, "compute", "map", link, program, *options]
    run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    notes = []

    def write():
        try:
            with run.stdin as lines:
                for item in items:
                    print(json.dumps(item), file=lines, flush=True)
        except BrokenPipeError:
            pass  # It has ended, and says why.

    def listen():
        for note in run.stderr:
            notes.append(note.strip())
            print(note, end="", file=sys.stderr)

    threads = [threading.Thread(target=task, daemon=True) for task in (write, listen)]
    for thread in threads:
        thread.start()
    try:
        for line in run.stdout:
            yield json.loads(line)
        if run.wait() != 0:
            threads[1].join()
            raise RuntimeError(notes[-1] if notes else f"meshwork ended with {run.returncode}")
    finally:
        run.terminate()


if __name__ == "__main__":
    for result in compute_map(sys.argv[1], sys.argv[2], (json.loads(line) for line in sys.stdin)):
        print(json.dumps(result))
